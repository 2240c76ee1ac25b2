"""Finds temperature and threshold on validation images; the test split has no part in it."""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import expit

TEMPERATURE_BOUNDS = (0.05, 20.0)


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """What turns a log odds into a probability and a probability into a decision."""

    temperature: float
    threshold: float


def calibrate(logits: np.ndarray, classes: np.ndarray, *, target_sensitivity: float) -> Calibration:
    """Fit both on labelled log odds.

    Parameters
    ----------
    logits
        (N,), log odds of pneumonia.
    classes
        (N,), class index, 0 is normal.
    target_sensitivity
        The threshold is the highest that still finds this share of the ill.
    """
    temperature = fit_temperature(logits, classes)
    ill = np.sort(expit(logits[classes != 0] / temperature))
    missed = int((1 - target_sensitivity) * len(ill))  # as many may fall below
    return Calibration(temperature=temperature, threshold=float(np.floor(ill[missed] * 1e4) / 1e4))


def fit_temperature(logits: np.ndarray, classes: np.ndarray) -> float:
    """The temperature with the least negative log likelihood, Guo et al. 2017.

    Every class counts equally, as in training, so the probabilities refer to that mix of cases
    and not to the share of ill children in one hospital's archive.
    """
    weights = 1.0 / np.bincount(classes)[classes]
    signed = np.where(classes != 0, logits, -logits)

    def loss(log_temperature: float) -> float:
        return float((weights * np.logaddexp(0, -signed / np.exp(log_temperature))).sum())

    best = minimize_scalar(loss, bounds=tuple(np.log(TEMPERATURE_BOUNDS)), method="bounded")
    return float(np.exp(best.x))
