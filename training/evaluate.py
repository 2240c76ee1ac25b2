"""Measures a bundle on one split, through the same code that serves it."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from inference.bundle import bundle_folder
from inference.labels import NORMAL_INDEX
from inference.model import Classifier
from training.dataset import Part
from training.metrics import Figures, Interval, figures
from training.operating import (
    CalibrationBin,
    OperatingPoint,
    Subgroup,
    calibration_bins,
    intervals,
    operating_points,
    subgroups,
)
from training.shortcuts import Shortcut, shortcuts

EVALUATION_BATCH = 32


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """Everything that is measured of a bundle on one split."""

    model: str
    split: str
    figures: Figures
    intervals: dict[str, Interval]
    operating_points: tuple[OperatingPoint, ...]
    subgroups: tuple[Subgroup, ...]
    shortcuts: tuple[Shortcut, ...]
    calibration: tuple[CalibrationBin, ...]
    probabilities: np.ndarray  # (N,), in the order of the part's images

    def record(self) -> dict[str, Any]:
        """Everything but the single probabilities, ready for JSON."""
        record = asdict(self)
        del record["probabilities"]
        measured: dict[str, Any] = record.pop("figures")
        return {"model": self.model, "split": self.split} | measured | record


def evaluate_fully(classifier: Classifier, part: Part, *, split: str) -> Evaluation:
    """Measure everything at the bundle's own threshold."""
    manifest = classifier.manifest
    threshold = manifest.decision_threshold
    probabilities = probabilities_of(classifier, part.images)
    classes = part.classes.numpy()
    is_ill = classes != NORMAL_INDEX
    return Evaluation(
        model=f"{manifest.name} {manifest.version}",
        split=split,
        figures=figures(is_ill, probabilities, threshold=threshold),
        intervals=intervals(is_ill, probabilities, threshold=threshold),
        operating_points=operating_points(is_ill, probabilities, threshold=threshold),
        subgroups=subgroups(classes, probabilities, threshold=threshold),
        shortcuts=shortcuts(part.images.numpy(), is_ill, probabilities),
        calibration=calibration_bins(is_ill, probabilities),
        probabilities=probabilities,
    )


def evaluate(classifier: Classifier, part: Part) -> Figures:
    """Figures at the bundle's own threshold."""
    return figures(
        part.classes.numpy() != NORMAL_INDEX,
        probabilities_of(classifier, part.images),
        threshold=classifier.manifest.decision_threshold,
    )


def probabilities_of(classifier: Classifier, images: torch.Tensor) -> np.ndarray:
    """Calibrated probabilities, (N,), of prepared images, uint8 (N, 224, 224)."""
    return np.concatenate(
        [
            classifier.probabilities(rows[:, None].float() / 255.0)
            for rows in images.split(EVALUATION_BATCH)
        ]
    )


def locate_bundle(name_or_folder: str, installed: Path) -> Path:
    """Find a bundle by its folder, or by its name among the shipped and the installed ones."""
    folder = Path(name_or_folder)
    return folder if folder.is_dir() else bundle_folder(name_or_folder, installed)
