"""A run folder: what was trained on what, its history, and the checkpoint it continues from."""

import io
import json
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file
from safetensors.torch import save as to_safetensors

from config.training import Recipe
from inference.network import RadiographNet, build_network
from inference.preprocessing import PREPROCESSING_VERSION
from training.dataset import PreparedSet
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
    loading_fraction: float  # share of the epoch spent fetching and augmenting images
    seconds: float


@dataclass(kw_only=True)
class Progress:
    """Everything that changes while training; what a checkpoint holds."""

    network: RadiographNet
    averaged: RadiographNet
    optimizer: torch.optim.Optimizer
    history: list[EpochFigures]
    step: int = 0

    @property
    def epoch(self) -> int:
        """The next epoch to train."""
        return len(self.history)


def open_run(
    run: Path, recipe: Recipe, prepared: PreparedSet, *, limit: int | None, resume: bool
) -> None:
    """Write down what the run is, or check that it is the one begun.

    Raises
    ------
    RunUnusable
        The folder holds another run, or holds one and `resume` is not set.
    """
    record = {
        "recipe": recipe.model_dump(mode="json"),
        "data_sha256": prepared.data_sha256,
        "preprocessing_version": PREPROCESSING_VERSION,
        "limit": limit,
    }
    path = run / RUN_FILE
    if path.exists():
        if not resume:
            raise RunUnusable(f"{run}: holds a run already; add --resume or name another folder")
        if json.loads(path.read_text(encoding="utf-8")) != record:
            raise RunUnusable(f"{path}: begun with another recipe, limit or data; cannot resume")
        return
    run.mkdir(parents=True, exist_ok=True)
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


def load_run(run: Path) -> FinishedRun:
    """Read the averaged weights of a run, finished or not.

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
    recipe = Recipe.model_validate(record["recipe"])
    network = build_network(recipe.architecture, outputs=recipe.classes)
    network.load_state_dict(load_file(run / WEIGHTS_FILE))
    return FinishedRun(
        network=network.eval().to(memory_format=torch.channels_last),
        recipe=recipe,
        data_sha256=record["data_sha256"],
        history=tuple(EpochFigures(**figures) for figures in history),
    )
