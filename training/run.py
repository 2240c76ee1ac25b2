"""A run folder: what was trained on what, its history, and the checkpoint it continues from."""

import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors.torch import save_file

from config.training import Recipe
from inference.model import RadiographNet
from inference.preprocessing import PREPROCESSING_VERSION
from training.dataset import PreparedSet
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
    path.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def save_progress(progress: Progress, run: Path) -> None:
    """Write the checkpoint and the history; the old checkpoint stays until the new one is whole."""
    state = {
        "network": progress.network.state_dict(),
        "averaged": progress.averaged.state_dict(),
        "optimizer": progress.optimizer.state_dict(),
        "step": progress.step,
        "history": [asdict(figures) for figures in progress.history],
    }
    _replace(run / CHECKPOINT_FILE, lambda path: torch.save(state, path))
    weights = {n: v.contiguous() for n, v in progress.averaged.state_dict().items()}
    _replace(run / WEIGHTS_FILE, lambda path: save_file(weights, path))
    text = json.dumps(state["history"], indent=1) + "\n"
    _replace(run / HISTORY_FILE, lambda path: path.write_text(text, encoding="utf-8"))


def _replace(path: Path, write: Callable[[Path], object]) -> None:
    unfinished = path.with_name(path.name + ".part")
    write(unfinished)
    os.replace(unfinished, path)


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
