"""Draws radiographs of nobody: samples that ship, are classified as meant and show no patient.

Each class is a Gaussian in the space of its first principal components; a draw mixes all its
training images and keeps none. A draw that comes too near to any one of them is thrown away.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from sklearn.decomposition import PCA

from inference.model import Classifier
from inference.preprocessing import to_model_input
from training.dataset import Part
from training.errors import TrainingError

WORKING_SIZE = 112  # pixels per side in which the components are found
COMPONENTS = 48
SPREAD = 0.8  # of the training images' own; below 1, draws are more typical than real images
SAMPLE_ROWS, SAMPLE_COLUMNS = 512, 448
NEAREST_ALLOWED = 0.97  # correlation with the most similar training image
CLEAR_PROBABILITY = 0.9  # of being what is meant
MOST_DRAWS = 400


@dataclass(frozen=True, kw_only=True)
class Sample:
    """A synthetic picture, uint8 (512, 448), and what is known about it."""

    picture: np.ndarray
    probability: float
    nearest_correlation: float


class ClassModel:
    """The distribution of one class, from uint8 images (N, 224, 224)."""

    def __init__(self, images: torch.Tensor, *, seed: int) -> None:
        small = torch.nn.functional.interpolate(
            images[:, None].float(), size=WORKING_SIZE, mode="area"
        )
        self.rows = small.flatten(1).numpy()
        components = min(COMPONENTS, len(self.rows) - 1)
        self.pca = PCA(components, svd_solver="randomized", random_state=seed).fit(self.rows)
        self.normalised = _normalised(self.rows)

    def draw(self, rng: np.random.Generator) -> tuple[np.ndarray, float]:
        """Draw a picture and its correlation with the most similar training image."""
        deviations = np.sqrt(self.pca.explained_variance_) * SPREAD
        row = self.pca.inverse_transform((rng.normal(size=len(deviations)) * deviations)[None])
        nearest = float((self.normalised @ _normalised(row)[0]).max())
        return _as_picture(row.reshape(WORKING_SIZE, WORKING_SIZE)), nearest


def _normalised(rows: np.ndarray) -> np.ndarray:
    centred = rows - rows.mean(axis=1, keepdims=True)
    return np.asarray(centred / np.linalg.norm(centred, axis=1, keepdims=True))


def _as_picture(grey: np.ndarray) -> np.ndarray:
    """Enlarge smoothly and stretch to the full range of 8 bits."""
    low, high = np.percentile(grey, [0.5, 99.5])
    stretched = ((grey - low) / (high - low) * 255.0).clip(0, 255).astype(np.uint8)
    enlarged = Image.fromarray(stretched).resize(
        (SAMPLE_COLUMNS, SAMPLE_ROWS), Image.Resampling.BICUBIC
    )
    return np.asarray(enlarged)


def synthesise(
    train: Part, classifier: Classifier, *, is_ill: bool, count: int, seed: int
) -> list[Sample]:
    """Draw pictures that the classifier clearly takes for what they are meant to be.

    Raises
    ------
    TrainingError
        Too few such pictures came up.
    """
    chosen = train.images[(train.classes != 0) == is_ill]
    samples: list[Sample] = []
    for sample in _draws(ClassModel(chosen, seed=seed), classifier, seed):
        meant = sample.probability if is_ill else 1 - sample.probability
        if meant >= CLEAR_PROBABILITY and sample.nearest_correlation <= NEAREST_ALLOWED:
            samples.append(sample)
        if len(samples) == count:
            return samples
    raise TrainingError(f"only {len(samples)} of {MOST_DRAWS} draws were classified as meant")


def _draws(model: ClassModel, classifier: Classifier, seed: int) -> Iterator[Sample]:
    rng = np.random.default_rng(seed)
    for _ in range(MOST_DRAWS):
        picture, nearest = model.draw(rng)
        batch = to_model_input(picture.astype(np.float32) / 255.0)[None]
        probability = float(classifier.probabilities(batch)[0])
        yield Sample(picture=picture, probability=probability, nearest_correlation=nearest)


def draw_limb() -> np.ndarray:
    """Draw a lower leg, uint8 (512, 448): plainly no chest, and no one's leg."""
    down, across = np.mgrid[0:SAMPLE_ROWS, 0:SAMPLE_COLUMNS].astype(np.float64)
    down, across = down / SAMPLE_ROWS, across / SAMPLE_COLUMNS - 0.5
    grey = 0.25 * _rod(across, 0.0, 0.30 - 0.10 * down)
    for centre, radius in ((-0.06, 0.085), (0.12, 0.04)):  # tibia, fibula
        flare = radius * (1 + 0.9 * np.exp(-down / 0.12) + 0.7 * np.exp(-(1 - down) / 0.1))
        shell = _rod(across, centre, flare) - 0.6 * _rod(across, centre, 0.6 * flare)
        grey += (0.55 if radius > 0.05 else 0.4) * shell.clip(0)
    grey *= np.abs(down - 0.08) > 0.012  # the joint
    marker = (np.abs(down - 0.9) < 0.02) & (np.abs(across - 0.4) < 0.015)
    return np.asarray((np.where(marker, 1.0, grey).clip(0, 1) * 255).astype(np.uint8))


def _rod(across: np.ndarray, centre: float, radius: np.ndarray | float) -> np.ndarray:
    """Relative thickness of a round rod seen from the side."""
    return np.asarray(np.sqrt((1 - ((across - centre) / radius) ** 2).clip(0)))
