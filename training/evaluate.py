"""Measures a bundle on one split, through the same code that serves it."""

from pathlib import Path

import numpy as np
import torch

from inference.labels import NORMAL_INDEX
from inference.model import Classifier
from training.dataset import Part
from training.metrics import Figures, figures

EVALUATION_BATCH = 32


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


def locate_bundle(name_or_folder: str, bundles: Path) -> Path:
    """Find a bundle by its folder, or by its name among the shipped ones."""
    folder = Path(name_or_folder)
    return folder if folder.is_dir() else bundles / name_or_folder
