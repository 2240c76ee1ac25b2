"""How a network fares where the outer marks of an image speak for the other answer.

In this set the films of the well are blacker at the sides and sharper than those of the sick: marks
of how a film was taken, not of a lung. A network may go by them and look excellent on images from
the same source (Zech et al. 2018; Geirhos et al. 2020 call it shortcut learning). So every mark
divides the images into those where it agrees with the label and those where it does not; a network
that looks at lungs is as good on the second half as on the first.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from training.metrics import rank_auc

DARK_LEVEL = 0.02  # of the equalised input
SIDE_COLUMNS = 10  # of 224, on either side


@dataclass(frozen=True, kw_only=True)
class Shortcut:
    """One mark: how well it tells sick from well by itself, and the network's AUC in each half."""

    mark: str
    auc_of_mark: float  # 0.5 says nothing; below it, the mark is stronger in the well
    auc_where_it_agrees: float
    auc_where_it_misleads: float


def _black_share(images: np.ndarray) -> np.ndarray:
    share: np.ndarray = (images < DARK_LEVEL).mean(axis=(1, 2))
    return share


def _side_brightness(images: np.ndarray) -> np.ndarray:
    left, right = images[:, :, :SIDE_COLUMNS], images[:, :, -SIDE_COLUMNS:]
    brightness: np.ndarray = (left.mean(axis=(1, 2)) + right.mean(axis=(1, 2))) / 2
    return brightness


def _sharpness(images: np.ndarray) -> np.ndarray:
    inner = images[:, 1:-1, 1:-1]
    around = images[:, :-2, 1:-1] + images[:, 2:, 1:-1] + images[:, 1:-1, :-2] + images[:, 1:-1, 2:]
    sharpness: np.ndarray = np.abs(inner - around / 4).mean(axis=(1, 2))
    return sharpness


MARKS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "black area": _black_share,
    "brightness of the sides": _side_brightness,
    "sharpness": _sharpness,
}


def shortcuts(images: np.ndarray, is_ill: np.ndarray, scores: np.ndarray) -> tuple[Shortcut, ...]:
    """Measure each mark, and the network in each half.

    Parameters
    ----------
    images
        uint8, (N, rows, columns): prepared images, well and sick.
    is_ill
        (N,), bool, with both values.
    scores
        (N,), the network's probabilities or log odds.
    """
    scaled = images.astype(np.float32) / 255.0
    return tuple(_look(name, mark(scaled), is_ill, scores) for name, mark in MARKS.items())


def _look(name: str, mark: np.ndarray, is_ill: np.ndarray, scores: np.ndarray) -> Shortcut:
    auc = rank_auc(is_ill, mark)
    speaks_for_ill = mark if auc >= 0.5 else -mark
    halves = np.where(
        is_ill,
        speaks_for_ill >= np.median(speaks_for_ill[is_ill]),
        speaks_for_ill <= np.median(speaks_for_ill[~is_ill]),
    )
    return Shortcut(
        mark=name,
        auc_of_mark=auc,
        auc_where_it_agrees=rank_auc(is_ill[halves], scores[halves]),
        auc_where_it_misleads=_auc_or_nan(is_ill[~halves], scores[~halves]),
    )


def _auc_or_nan(is_ill: np.ndarray, scores: np.ndarray) -> float:
    """With one image of a class, or all marks alike, no image is left to mislead."""
    return rank_auc(is_ill, scores) if is_ill.any() and not is_ill.all() else float("nan")
