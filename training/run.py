"""A run folder: what was trained on what, its history, and the checkpoint it continues from."""

import io
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from safetensors.torch import save as to_safetensors
from torch import nn

from config.training import Recipe
from inference.network import RadiographNet, build_network
from inference.preprocessing import PREPROCESSING_VERSION
from training.dataset import RANDOM_PATIENTS, PreparedSet
from training.disk import write_file
from training.errors import RunUnusable

CHECKPOINT_FILE = "checkpoint.pt"
WEIGHTS_FILE = "weights.safetensors"
HISTORY_FILE = "history.json"
RUN_FILE = "run.json"


@dataclass(frozen=True, kw_only=True)
class EpochFigures:
    """One line of a run's history."""

    epoch: int
    size: int
    learning_rate: float
    train_loss: float
    train_accuracy: float
    validation_loss: float
    validation_accuracy: float
    validation_auc: float
    loading_fraction: float  # share of the epoch spent fetching and changing images
    seconds: float
    # Absent in runs of before they were measured:
    train_auc: float | None = None  # of ill against well, on changed images
    fetching_fraction: float | None = None  # the fetching alone


@dataclass(kw_only=True)
class Progress:
    """Everything that changes while training; what a checkpoint holds."""

    network: RadiographNet
    parallel: nn.Module  # the network, wrapped where several ranks share it
    averaged: RadiographNet
    optimizer: torch.optim.Optimizer
    history: list[EpochFigures]
    step: int = 0

    @property
    def epoch(self) -> int:
        """The next epoch to train."""
        return len(self.history)


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Where weights come from: what records call it, and the hash of the file with the weights."""

    name: str
    sha256: str | None

    def __str__(self) -> str:
        return self.name


IMAGENET = Origin(name="ImageNet classification", sha256=None)


@dataclass(frozen=True, kw_only=True)
class Beginning:
    """What a network begins with: random weights unless an origin is named."""

    origin: Origin | None = None
    weights: Mapping[str, torch.Tensor] | None = None

    @property
    def from_imagenet(self) -> bool:
        """Whether weights of ImageNet are to be taken."""
        return self.origin == IMAGENET


@dataclass(frozen=True, kw_only=True)
class Teaching:
    """Finished networks whose mean answer a new one is trained towards."""

    networks: tuple[RadiographNet, ...]
    origins: tuple[Origin, ...]
    share: float  # of the teachers' answer in the target; the rest is the label
    sizes: tuple[int, ...]  # pixels per side at which each teacher looks


def open_run(
    run: Path,
    recipe: Recipe,
    prepared: PreparedSet,
    *,
    limit: int | None,
    resume: bool,
    origins: tuple[Beginning, Teaching | None],
) -> None:
    """Write down what the run is, or check that it is the one begun.

    Raises
    ------
    RunUnusable
        The folder holds another run, or holds one and `resume` is not set.
    """
    beginning, teaching = origins
    record = {
        "recipe": recipe.model_dump(mode="json"),
        "data_sha256": prepared.data_sha256,
        "held_out": prepared.held_out,
        "preprocessing_version": PREPROCESSING_VERSION,
        "limit": limit,
        "began_with": asdict(beginning.origin) if beginning.origin else None,
        "taught_by": [asdict(origin) for origin in teaching.origins] if teaching else [],
        "teaching_share": teaching.share if teaching else 0.0,
    }
    path = run / RUN_FILE
    if path.exists():
        if not resume:
            raise RunUnusable(f"{run}: holds a run already; add --resume or name another folder")
        begun = {"held_out": RANDOM_PATIENTS} | json.loads(path.read_text(encoding="utf-8"))
        if record | begun != record:
            raise RunUnusable(
                f"{path}: begun with another recipe, limit, data, validation or weights; "
                "cannot resume"
            )
        return
    write_file(path, f"{json.dumps(record, indent=1)}\n".encode())


def save_progress(progress: Progress, run: Path) -> None:
    """Write the checkpoint and the history; the old checkpoint stays until the new one is whole.

    Raises
    ------
    OutOfSpace
        The disk is full.
    """
    history = [asdict(figures) for figures in progress.history]
    state = {
        "network": progress.network.state_dict(),
        "averaged": progress.averaged.state_dict(),
        "optimizer": progress.optimizer.state_dict(),
        "step": progress.step,
        "history": history,
    }
    checkpoint = io.BytesIO()
    torch.save(state, checkpoint)
    write_file(run / CHECKPOINT_FILE, checkpoint.getbuffer())
    weights = {name: v.cpu().contiguous() for name, v in progress.averaged.state_dict().items()}
    write_file(run / WEIGHTS_FILE, to_safetensors(weights))
    write_file(run / HISTORY_FILE, f"{json.dumps(history, indent=1)}\n".encode())


def restore_progress(progress: Progress, run: Path, device: torch.device) -> None:
    """Go back to the last whole epoch; a run without a checkpoint begins at the first."""
    path = run / CHECKPOINT_FILE
    if not path.exists():
        return
    state = torch.load(path, map_location=device, weights_only=True)
    progress.network.load_state_dict(state["network"])
    progress.averaged.load_state_dict(state["averaged"])
    progress.optimizer.load_state_dict(state["optimizer"])
    progress.step = state["step"]
    progress.history = [EpochFigures(**figures) for figures in state["history"]]


@dataclass(frozen=True, kw_only=True)
class FinishedRun:
    """A trained network with what it was trained by and on."""

    network: RadiographNet
    recipe: Recipe
    data_sha256: str
    history: tuple[EpochFigures, ...]
    held_out: str = RANDOM_PATIENTS
    began_with: Origin | None = None
    taught_by: tuple[Origin, ...] = ()
    averaged_with: Origin | None = None
    averaged_share: float = 0.0  # of the other's weights in the mean


def load_run(run: Path) -> FinishedRun:
    """Read the averaged weights of a run, finished or not.

    Raises
    ------
    RunUnusable
        The folder holds no run, no whole epoch, or one of another preprocessing version.
    """
    record, history = read_record(run)
    recipe = Recipe.model_validate(record["recipe"])
    network = build_network(recipe.architecture, outputs=recipe.classes)
    network.load_state_dict(load_file(run / WEIGHTS_FILE))
    began_with, averaged_with = record.get("began_with"), record.get("averaged_with")
    return FinishedRun(
        network=network.eval().to(memory_format=torch.channels_last),
        recipe=recipe,
        data_sha256=record["data_sha256"],
        history=history,
        held_out=record.get("held_out", RANDOM_PATIENTS),
        began_with=Origin(**began_with) if began_with else None,
        taught_by=tuple(Origin(**teacher) for teacher in record.get("taught_by", ())),
        averaged_with=Origin(**averaged_with) if averaged_with else None,
        averaged_share=record.get("averaged_share", 0.0),
    )


def read_record(run: Path) -> tuple[dict[str, Any], tuple[EpochFigures, ...]]:
    """Read what a run is and its history, without its weights.

    Raises
    ------
    RunUnusable
        The folder holds no run, no whole epoch, or one of another preprocessing version.
    """
    try:
        record = json.loads((run / RUN_FILE).read_text(encoding="utf-8"))
        history = json.loads((run / HISTORY_FILE).read_text(encoding="utf-8"))
    except OSError as error:
        raise RunUnusable(f"{run}: no whole epoch of a run here ({error.strerror})") from error
    if record["preprocessing_version"] != PREPROCESSING_VERSION:
        raise RunUnusable(f"{run}: trained with preprocessing {record['preprocessing_version']}")
    return record, tuple(EpochFigures(**figures) for figures in history)
