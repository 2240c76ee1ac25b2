"""Several finished runs asked together: votes, mean probabilities, and one network that learns."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
from scipy.special import expit

from inference.labels import NORMAL_INDEX
from inference.network import RadiographNet
from training.beginning import origin_of_run
from training.dataset import LOWEST_FILMS, Part, PreparedSet
from training.errors import RunUnusable
from training.experiments import Answered, answered, limited_validation
from training.metrics import rank_auc
from training.ranks import Ranks
from training.run import FinishedRun, Origin, Teaching, load_run
from training.scores import score
from training.shift import SHIFTS, Change, unchanged

SIZES = (2, 3)  # how many members vote together


@dataclass(frozen=True, kw_only=True)
class Member:
    """A finished run that takes part."""

    name: str
    origin: Origin
    finished: FinishedRun


@dataclass(frozen=True, kw_only=True)
class Combined:
    """How a group of members answers by one way of combining them."""

    members: tuple[str, ...]
    way: str
    validation: Answered
    shifted_auc: float | None  # votes take so few values that their AUC says little
    test: Answered | None


def load_members(runs: Sequence[Path], prepared: PreparedSet) -> list[Member]:
    """Read the runs.

    Raises
    ------
    RunUnusable
        There are fewer than two, two have one name, or one was trained on other data.
    """
    names = [run.resolve().name for run in runs]
    if len(set(names)) < 2 or len(set(names)) < len(names):
        raise RunUnusable("an ensemble needs two or more runs with names of their own")
    return [load_member(run, prepared) for run in runs]


def load_member(run: Path, prepared: PreparedSet) -> Member:
    """Read one run.

    Raises
    ------
    RunUnusable
        It was trained on other data, or on films that the set holds out by their numbers.
    """
    finished = load_run(run)
    if finished.data_sha256 != prepared.data_sha256:
        raise RunUnusable(f"{run}: trained on other data than the given folder")
    if prepared.held_out == LOWEST_FILMS != finished.held_out:
        raise RunUnusable(f"{run}: has seen the film numbers that are to be held out")
    return Member(name=run.resolve().name, origin=origin_of_run(run), finished=finished)


def teaching_of(
    members: Sequence[Member], *, share: float, classes: int, ranks: Ranks
) -> Teaching | None:
    """Make the members teachers; without members nobody teaches.

    Raises
    ------
    RunUnusable
        A member tells other classes apart than the network to be taught.
    """
    if not members:
        return None
    for member in members:
        if member.finished.recipe.classes != classes:
            raise RunUnusable(f"{member.name}: has not the {classes} classes of the recipe")
    return Teaching(
        networks=tuple(member.finished.network.to(ranks.device) for member in members),
        origins=tuple(member.origin for member in members),
        share=share,
        sizes=tuple(member.finished.recipe.last_size for member in members),
    )


def combine(
    members: Sequence[Member],
    prepared: PreparedSet,
    *,
    ranks: Ranks,
    limit: int | None,
    with_test: bool,
) -> Iterator[Combined]:
    """Answer by each member alone, by every two and three of them, and by all."""
    validation = limited_validation(prepared, limit)
    plain = _logits(members, validation, ranks, unchanged)
    shifted = [_logits(members, validation, ranks, change) for change in SHIFTS.values()]
    test_part = prepared.part("test") if with_test else None
    test = _logits(members, test_part, ranks, unchanged) if test_part else None
    for group in _groups(len(members)):
        names = tuple(members[place].name for place in group)
        for way in ("alone",) if len(group) == 1 else ("vote", "mean probability"):
            yield Combined(
                members=names,
                way=way,
                validation=_answered(validation, plain[group], way),
                shifted_auc=None if way == "vote" else _mean_auc(validation, shifted, group),
                test=_answered(test_part, test[group], way)
                if test_part is not None and test is not None
                else None,
            )


def _groups(count: int) -> list[list[int]]:
    sizes = sorted({1, *(size for size in SIZES if size <= count), count})
    return [list(group) for size in sizes for group in combinations(range(count), size)]


def _logits(members: Sequence[Member], part: Part, ranks: Ranks, change: Change) -> np.ndarray:
    """Log odds of all members, (members, N)."""
    return np.stack([_score(member.finished, part, ranks, change) for member in members])


def _score(finished: FinishedRun, part: Part, ranks: Ranks, change: Change) -> np.ndarray:
    network: RadiographNet = finished.network.to(ranks.device)
    size = finished.recipe.last_size
    return score(network, part.images, size=size, device=ranks.device, change=change)


def _answered(part: Part, logits: np.ndarray, way: str) -> Answered:
    is_ill = part.classes.numpy() != NORMAL_INDEX
    return answered(is_ill, *combined_scores(logits, way))


def combined_scores(logits: np.ndarray, way: str) -> tuple[np.ndarray, np.ndarray]:
    """Combine log odds, (members, N), into scores and calls, (N,) each.

    A tie of votes counts as pneumonia: a missed child is worse than a second look.
    """
    if way == "vote":
        votes = (logits >= 0).mean(axis=0)
        return votes, votes >= 0.5
    means = expit(logits).mean(axis=0)
    return means, means >= 0.5


def _mean_auc(part: Part, shifted: Sequence[np.ndarray], group: list[int]) -> float:
    is_ill = part.classes.numpy() != NORMAL_INDEX
    means = [expit(logits[group]).mean(axis=0) for logits in shifted]
    return float(np.mean([rank_auc(is_ill, mean) for mean in means]))
