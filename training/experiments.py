"""Trains one network after the other by slightly different recipes and writes down how they do.

Each experiment has a folder of its own with its run and its outcome. What is finished is not
repeated, what was interrupted goes on.
"""

import json
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

from config.training import Recipe
from inference.labels import NORMAL_INDEX
from inference.network import RadiographNet
from training.dataset import Part, PreparedSet
from training.disk import write_file
from training.fit import SMALLEST_PART, fit, no_bar
from training.metrics import rank_auc
from training.ranks import Ranks
from training.run import RUN_FILE, EpochFigures, Teaching, load_run
from training.scores import score
from training.shift import SHIFTS, unchanged
from training.trainer import StepBar

OUTCOME_FILE = "outcome.json"
TIMED_IMAGES, WARM_UP_IMAGES = 15, 3
FLOAT_BYTES = 4


@dataclass(frozen=True, kw_only=True)
class Answered:
    """Figures on one set of images, pneumonia called at even odds."""

    images: int
    auc: float
    accuracy: float
    precision: float
    recall: float
    f1: float


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of one experiment."""

    name: str
    recipe: Recipe
    parameters: int
    megabytes: float  # of the weights in 32 bits
    milliseconds_per_image: float  # one image at a time, on this machine
    validation: Answered
    shifted_auc: float  # mean over the fixed shifts of the validation images
    test: Answered | None  # only where it was asked for; chooses nothing

    @property
    def score(self) -> float:
        """What experiments are compared by: the mean AUC of plain and shifted validation."""
        return (self.validation.auc + self.shifted_auc) / 2


@dataclass(frozen=True, kw_only=True)
class Bench:
    """What all experiments of a command share."""

    prepared: PreparedSet
    folder: Path
    ranks: Ranks
    limit: int | None = None
    with_test: bool = False
    teaching: Teaching | None = None
    report: Callable[[str, EpochFigures], None] = lambda _name, _figures: None
    step_bar: StepBar = no_bar


def carry_out(name: str, recipe: Recipe, bench: Bench) -> Outcome:
    """Train and measure, or go on, or return what was measured before.

    Raises
    ------
    RunUnusable
        The folder holds an experiment of that name by another recipe or on other data.
    """
    folder = bench.folder / name.replace(" ", "-")
    fit(
        bench.prepared,
        recipe,
        folder,
        ranks=bench.ranks,
        limit=bench.limit,
        resume=(folder / RUN_FILE).exists(),
        teaching=bench.teaching,
        report=lambda figures: bench.report(name, figures),
        step_bar=bench.step_bar,
    )
    known = _load(folder)
    if known and (known.test or not bench.with_test):
        return known
    outcome = _measure(name, recipe, load_run(folder).network, bench)
    record = asdict(outcome) | {"recipe": recipe.model_dump(mode="json")}
    write_file(folder / OUTCOME_FILE, f"{json.dumps(record, indent=1)}\n".encode())
    return outcome


def _load(folder: Path) -> Outcome | None:
    path = folder / OUTCOME_FILE
    if not path.exists():
        return None
    record = json.loads(path.read_text(encoding="utf-8"))
    return Outcome(
        **record
        | {
            "recipe": Recipe.model_validate(record["recipe"]),
            "validation": Answered(**record["validation"]),
            "test": Answered(**record["test"]) if record["test"] else None,
        }
    )


def _measure(name: str, recipe: Recipe, network: RadiographNet, bench: Bench) -> Outcome:
    size, device = recipe.last_size, bench.ranks.device
    network = network.to(device)
    validation = limited_validation(bench.prepared, bench.limit)
    plain, *shifted = (
        score(network, validation.images, size=size, device=device, change=change)
        for change in (unchanged, *SHIFTS.values())
    )
    is_ill = validation.classes.numpy() != NORMAL_INDEX
    test = None
    if bench.with_test:
        part = bench.prepared.part("test")
        logits = score(network, part.images, size=size, device=device)
        test = answered(part.classes.numpy() != NORMAL_INDEX, logits)
    parameters = sum(p.numel() for p in network.parameters())
    return Outcome(
        name=name,
        recipe=recipe,
        parameters=parameters,
        megabytes=parameters * FLOAT_BYTES / 1e6,
        milliseconds_per_image=milliseconds_per_image(network, size=size, device=device),
        validation=answered(is_ill, plain),
        shifted_auc=float(np.mean([rank_auc(is_ill, logits) for logits in shifted])),
        test=test,
    )


def limited_validation(prepared: PreparedSet, limit: int | None) -> Part:
    """Take the validation part that a limited run looks at."""
    validation = prepared.part("validation")
    return validation if limit is None else validation.first(max(limit // 4, SMALLEST_PART))


def answered(is_ill: np.ndarray, scores: np.ndarray, called: np.ndarray | None = None) -> Answered:
    """Figures of log odds, (N,), or of other scores with what they call pneumonia, bool (N,)."""
    called = scores >= 0 if called is None else called
    right, hits = called == is_ill, int((called & is_ill).sum())
    return Answered(
        images=len(is_ill),
        auc=rank_auc(is_ill, scores),
        accuracy=float(right.mean()),
        precision=hits / max(int(called.sum()), 1),
        recall=hits / int(is_ill.sum()),
        f1=2 * hits / max(int(called.sum() + is_ill.sum()), 1),
    )


@torch.inference_mode()
def milliseconds_per_image(network: RadiographNet, *, size: int, device: torch.device) -> float:
    """Median time to answer one image at a time in full precision, after a warm-up."""
    image = torch.zeros(1, 1, size, size, device=device)
    network.eval()
    seconds = []
    for place in range(WARM_UP_IMAGES + TIMED_IMAGES):
        started = time.perf_counter()
        network(image).cpu()
        if place >= WARM_UP_IMAGES:
            seconds.append(time.perf_counter() - started)
    return statistics.median(seconds) * 1e3
