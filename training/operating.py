"""Finer looks at a classifier's answers: intervals, operating points, subgroups, calibration."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from sklearn.metrics import average_precision_score, roc_curve

from inference.labels import NORMAL_INDEX, THREE_CLASS_NAMES
from training.metrics import (
    BOOTSTRAP_ROUNDS,
    CALIBRATION_BINS,
    INTERVAL_PERCENT,
    Interval,
    expected_calibration_error,
    rank_auc,
)

WANTED_SENSITIVITIES = (0.9, 0.95, 0.98, 0.99)


@dataclass(frozen=True, kw_only=True)
class OperatingPoint:
    """What calling pneumonia from some probability on would do."""

    name: str
    threshold: float
    sensitivity: float
    specificity: float
    precision: float


@dataclass(frozen=True, kw_only=True)
class Subgroup:
    """How one kind of image fares; AUC is against all normal images, absent for those."""

    name: str
    images: int
    called_ill: float  # share called pneumonia
    mean_probability: float
    auc: float | None


@dataclass(frozen=True, kw_only=True)
class CalibrationBin:
    """Images whose probability lies in one tenth of the scale."""

    images: int
    predicted: float
    observed: float


def intervals(
    is_ill: np.ndarray, probabilities: np.ndarray, *, threshold: float, seed: int = 1
) -> dict[str, Interval]:
    """Percentile bootstrap bounds of every figure, images resampled.

    Parameters
    ----------
    is_ill
        (N,), bool.
    probabilities
        (N,), in [0, 1].
    """
    measured = _measures(threshold)
    values = {name: measure(is_ill, probabilities) for name, measure in measured.items()}
    drawn: dict[str, list[float]] = {name: [] for name in measured}
    rng = np.random.default_rng(seed)
    for _ in range(BOOTSTRAP_ROUNDS // 2):
        rows = rng.integers(0, len(is_ill), len(is_ill))
        if is_ill[rows].any() and not is_ill[rows].all():
            for name, measure in measured.items():
                drawn[name].append(measure(is_ill[rows], probabilities[rows]))
    tail = (100 - INTERVAL_PERCENT) / 2
    bounds = {name: np.nanpercentile(found, [tail, 100 - tail]) for name, found in drawn.items()}
    return {
        name: Interval(value=values[name], low=float(low), high=float(high))
        for name, (low, high) in bounds.items()
    }


Measure = Callable[[np.ndarray, np.ndarray], float]


def _measures(threshold: float) -> dict[str, Measure]:
    def share(of: np.ndarray, among: np.ndarray) -> float:
        return float(of[among].mean()) if among.any() else float("nan")

    return {
        "auc": rank_auc,
        "average_precision": lambda ill, p: float(average_precision_score(ill, p)),
        "accuracy": lambda ill, p: float(((p >= threshold) == ill).mean()),
        "sensitivity": lambda ill, p: share(p >= threshold, ill),
        "specificity": lambda ill, p: share(p < threshold, ~ill),
        "precision": lambda ill, p: share(ill, p >= threshold),
        "f1": lambda ill, p: float(
            2 * (ill & (p >= threshold)).sum() / max(ill.sum() + (p >= threshold).sum(), 1)
        ),
        "expected_calibration_error": expected_calibration_error,
    }


def operating_points(
    is_ill: np.ndarray, probabilities: np.ndarray, *, threshold: float
) -> tuple[OperatingPoint, ...]:
    """Look at the bundle's own point, even odds, and where this split's curve gets to.

    The points named by a sensitivity describe the curve only: a threshold read off the images
    that it is judged by is not one to use.
    """
    _, true_rates, cuts = roc_curve(is_ill, probabilities, drop_intermediate=False)
    named = [("the bundle's", threshold), ("even odds", 0.5)]
    for wanted in WANTED_SENSITIVITIES:
        place = int(np.argmax(true_rates >= wanted))
        named.append((f"sensitivity {wanted:.0%}, read off this split", float(cuts[place])))
    return tuple(_point(name, cut, is_ill, probabilities) for name, cut in named)


def _point(
    name: str, threshold: float, is_ill: np.ndarray, probabilities: np.ndarray
) -> OperatingPoint:
    called = probabilities >= threshold
    return OperatingPoint(
        name=name,
        threshold=threshold,
        sensitivity=float(called[is_ill].mean()),
        specificity=float(1 - called[~is_ill].mean()),
        precision=float(is_ill[called].mean()) if called.any() else float("nan"),
    )


def subgroups(
    classes: np.ndarray, probabilities: np.ndarray, *, threshold: float
) -> tuple[Subgroup, ...]:
    """Look at normal, bacterial and viral images on their own."""
    normal = probabilities[classes == NORMAL_INDEX]
    found = []
    for index, name in enumerate(THREE_CLASS_NAMES):
        group = probabilities[classes == index]
        if not len(group):
            continue
        auc = None
        if index != NORMAL_INDEX and len(normal):
            is_ill = np.repeat([True, False], [len(group), len(normal)])
            auc = rank_auc(is_ill, np.concatenate([group, normal]))
        found.append(
            Subgroup(
                name=name,
                images=len(group),
                called_ill=float((group >= threshold).mean()),
                mean_probability=float(group.mean()),
                auc=auc,
            )
        )
    return tuple(found)


def calibration_bins(is_ill: np.ndarray, probabilities: np.ndarray) -> tuple[CalibrationBin, ...]:
    """Mean predicted and observed rate in each tenth of the scale that holds images."""
    bins = np.minimum((probabilities * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)
    return tuple(
        CalibrationBin(
            images=int((bins == place).sum()),
            predicted=float(probabilities[bins == place].mean()),
            observed=float(is_ill[bins == place].mean()),
        )
        for place in range(CALIBRATION_BINS)
        if (bins == place).any()
    )
