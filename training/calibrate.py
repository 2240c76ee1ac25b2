"""Finds temperature and threshold on validation images; the test split has no part in it."""

from dataclasses import dataclass

import numpy as np
import torch
from scipy.optimize import minimize_scalar
from scipy.special import expit

from config.training import PublishSettings
from inference.labels import NORMAL_INDEX
from inference.network import RadiographNet
from inference.preprocessing import INPUT_SIZE
from training.dataset import Part
from training.metrics import Figures, figures
from training.scores import score
from training.shift import SHIFTS, unchanged

TEMPERATURE_BOUNDS = (0.05, 20.0)


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """What turns a log odds into a probability and a probability into a decision."""

    temperature: float
    threshold: float


@dataclass(frozen=True, kw_only=True)
class ValidationLogits:
    """Log odds of the validation images as they are, (N,), and of each shifted copy, (S, N)."""

    plain: np.ndarray
    shifted: np.ndarray
    classes: np.ndarray

    def calibrate(self, target_sensitivity: float, *, of_another_time: bool) -> Calibration:
        """Fit the temperature to plain and shifted images together, the threshold to each.

        Plain validation alone is answered almost without error and would leave the network sure of
        itself on any other hospital's images. The wanted share of the ill must be found among the
        plain images and among the shifted ones; or among the plain ones alone where these are of
        another time than the training images and so need no made-up shift.
        """
        classes = np.tile(self.classes, len(self.shifted))
        temperature = fit_temperature(
            np.concatenate([self.plain, self.shifted.ravel()]),
            np.concatenate([self.classes, classes]),
        )
        looks = [(self.plain, self.classes)]
        if not of_another_time:
            looks.append((self.shifted.ravel(), classes))
        thresholds = [
            find_threshold(expit(logits[labels != NORMAL_INDEX] / temperature), target_sensitivity)
            for logits, labels in looks
        ]
        return Calibration(temperature=temperature, threshold=min(thresholds))

    def figures(self, calibration: Calibration, *, shifted: bool) -> Figures:
        """Figures of the plain images, or of all shifted copies together."""
        logits = self.shifted.ravel() if shifted else self.plain
        copies = len(self.shifted) if shifted else 1
        return figures(
            np.tile(self.classes != NORMAL_INDEX, copies),
            expit(logits / calibration.temperature),
            threshold=calibration.threshold,
        )


def score_validation(
    network: RadiographNet, validation: Part, settings: PublishSettings
) -> ValidationLogits:
    """Score every validation image as it is and under each fixed shift."""
    plain, *shifted = (
        score(
            network,
            validation.images,
            size=INPUT_SIZE,
            device=torch.device("cpu"),
            change=change,
            averages_flip=settings.averages_flip,
            full_precision=True,
        )
        for change in (unchanged, *SHIFTS.values())
    )
    return ValidationLogits(
        plain=plain, shifted=np.stack(shifted), classes=validation.classes.numpy()
    )


def find_threshold(ill: np.ndarray, target_sensitivity: float) -> float:
    """Find the highest threshold that still calls this share of the ill, to four places.

    Parameters
    ----------
    ill
        (N,), probabilities of images that do show pneumonia.
    """
    missed = int((1 - target_sensitivity) * len(ill))  # as many may fall below
    return float(np.floor(np.sort(ill)[missed] * 1e4) / 1e4)


def fit_temperature(logits: np.ndarray, classes: np.ndarray) -> float:
    """Find the temperature with the least negative log likelihood, Guo et al. 2017.

    Every class counts equally, as in training, so the probabilities refer to that mix of cases
    and not to the share of ill children in one hospital's archive.
    """
    weights = 1.0 / np.bincount(classes)[classes]
    signed = np.where(classes != 0, logits, -logits)

    def loss(log_temperature: float) -> float:
        return float((weights * np.logaddexp(0, -signed / np.exp(log_temperature))).sum())

    best = minimize_scalar(loss, bounds=tuple(np.log(TEMPERATURE_BOUNDS)), method="bounded")
    return float(np.exp(best.x))
