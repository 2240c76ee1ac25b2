"""Figures of a classifier on labelled probabilities; no network, no files."""

from dataclasses import dataclass

import numpy as np
from sklearn.metrics import confusion_matrix, roc_auc_score

CALIBRATION_BINS = 10  # equal-width bins of the predicted probability, Guo et al. 2017
BOOTSTRAP_ROUNDS = 2000
INTERVAL_PERCENT = 95


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A figure with the bounds of its 95 % bootstrap interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class Figures:
    """What a classifier does on one set of images at one threshold."""

    images: int
    threshold: float
    auc: Interval
    accuracy: float
    precision: float
    sensitivity: float
    specificity: float
    f1: float
    expected_calibration_error: float
    true_positives: int
    false_positives: int
    true_negatives: int
    false_negatives: int


def figures(is_ill: np.ndarray, probabilities: np.ndarray, *, threshold: float) -> Figures:
    """Compute every figure.

    Parameters
    ----------
    is_ill
        (N,), bool.
    probabilities
        (N,), calibrated probability of pneumonia in [0, 1].
    threshold
        Pneumonia is called from this probability on.
    """
    called = probabilities >= threshold
    table = confusion_matrix(is_ill, called, labels=[False, True])
    true_neg, false_pos, false_neg, true_pos = (int(cell) for cell in table.ravel())
    return Figures(
        images=len(is_ill),
        threshold=threshold,
        auc=bootstrap_auc(is_ill, probabilities),
        accuracy=_ratio(true_pos + true_neg, len(is_ill)),
        precision=_ratio(true_pos, true_pos + false_pos),
        sensitivity=_ratio(true_pos, true_pos + false_neg),
        specificity=_ratio(true_neg, true_neg + false_pos),
        f1=_ratio(2 * true_pos, 2 * true_pos + false_pos + false_neg),
        expected_calibration_error=expected_calibration_error(is_ill, probabilities),
        true_positives=true_pos,
        false_positives=false_pos,
        true_negatives=true_neg,
        false_negatives=false_neg,
    )


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else float("nan")


def bootstrap_auc(is_ill: np.ndarray, probabilities: np.ndarray, *, seed: int = 1) -> Interval:
    """Area under the ROC curve with its percentile bootstrap interval, images resampled."""
    value = float(roc_auc_score(is_ill, probabilities))
    rng = np.random.default_rng(seed)
    areas = []
    for _ in range(BOOTSTRAP_ROUNDS):
        rows = rng.integers(0, len(is_ill), len(is_ill))
        if is_ill[rows].any() and not is_ill[rows].all():
            areas.append(rank_auc(is_ill[rows], probabilities[rows]))
    tail = (100 - INTERVAL_PERCENT) / 2
    low, high = np.percentile(areas, [tail, 100 - tail])
    return Interval(value=value, low=float(low), high=float(high))


def rank_auc(is_ill: np.ndarray, probabilities: np.ndarray) -> float:
    """Mann-Whitney form of the area; ties count half. Twenty times faster than the curve."""
    ill, well = np.sort(probabilities[is_ill]), probabilities[~is_ill]
    above = len(ill) - np.searchsorted(ill, well, side="right")
    tied = len(ill) - np.searchsorted(ill, well, side="left") - above
    return float((above + tied / 2).sum() / (len(ill) * len(well)))


def expected_calibration_error(is_ill: np.ndarray, probabilities: np.ndarray) -> float:
    """Mean gap between predicted probability and observed rate, weighted by bin size."""
    bins = np.minimum((probabilities * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)
    gaps = np.zeros(CALIBRATION_BINS)
    np.add.at(gaps, bins, is_ill.astype(float) - probabilities)
    return float(np.abs(gaps).sum() / len(is_ill))
