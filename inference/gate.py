"""Is this a frontal chest radiograph at all? A score from one forward pass; above 1 is refused.

Two looks, both fitted to training images and varied copies of them and to nothing else:

- likeness: how far pooled features of an inner layer of the network, and a 16 x 16 copy of the
  model input, lie from those of chest radiographs (Mahalanobis distance in their principal
  components plus what the components leave over; Lee et al. 2018 for the features);
- uprightness: a logistic regression on the same small copy that tells upright chests from turned
  and mirrored upside-down ones, which are made of the same features and would pass the first look.

The larger of the two, each divided by its threshold, is the score. Knows no DICOM.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

# Where each architecture is tapped: after about two thirds of its depth. Measured on the shipped
# network: earlier layers see texture only, the last one hardly anything but pneumonia.
GATE_TAPS = {
    "resnet18": "6",
    "resnet34": "6",
    "densenet121": "0.denseblock3",
    "vgg16": "23",
    "mobilenet_v2": "13",
    "efficientnet_lite0": "5",
}
SMALL_SIDE = 16  # pixels
# Features are compared on a logarithm that is linear below this.
FEATURE_UNIT = 1e-3
LEAST_NORM = 1e-6
# Thresholds are divided out, so that 1 means the same in every bundle.
MOST_STRANGENESS = 1.0

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Likeness:
    """A Gaussian of one kind of description, (D,), in K principal components."""

    mean: Array  # (D,)
    scale: Array  # (D,)
    components: Array  # (K, D)
    variances: Array  # (K,)
    residual: float  # mean square left over by the components
    centre: float  # of the distances of validation images
    spread: float

    def distances(self, described: Array) -> Array:
        """Return how far each description, (N, D), lies; 0 is usual, in units of `spread`."""
        scaled = (described - self.mean) / self.scale
        placed = scaled @ self.components.T
        left_over = np.square(scaled - placed @ self.components).sum(axis=1) / self.residual
        inside = np.square(placed) @ (1 / self.variances) / len(self.variances)
        distances: Array = (np.sqrt(inside + left_over) - self.centre) / self.spread
        return distances


@dataclass(frozen=True, kw_only=True)
class Gate:
    """A fitted gate."""

    features: Likeness
    picture: Likeness
    unlikeness_threshold: float
    turned_weights: Array  # (256,)
    turned_bias: float
    turned_threshold: float

    def scores(self, tapped: Array, small: Array) -> Array:
        """Return the score of each image, (N,); above 1 it is no frontal chest radiograph.

        Parameters
        ----------
        tapped
            (N, D), see `described_features`.
        small
            (N, 256), see `described_picture`.
        """
        unlikeness = self.features.distances(tapped) + self.picture.distances(small)
        turned = small @ self.turned_weights + self.turned_bias
        # The threshold of a logit may be negative, so both are compared as differences of one.
        scores: Array = 1 + np.maximum(
            unlikeness / self.unlikeness_threshold - 1,
            (turned - self.turned_threshold) / abs(self.turned_threshold),
        )
        return scores


def is_stranger(score: float) -> bool:
    """Tell whether an image of this score is refused; one without a usable score is."""
    return not score <= MOST_STRANGENESS


def strangeness_in_figures(score: float) -> str:
    """Return the score of a refused image; figures only, so it needs no translation."""
    return f"{score:.2f} > {MOST_STRANGENESS:.2f}"


def described_features(pooled: torch.Tensor) -> Array:
    """Return pooled features, (N, D), on a logarithm."""
    values = pooled.double().cpu().numpy()
    return np.asarray(np.sign(values) * np.log1p(np.abs(values) / FEATURE_UNIT))


def described_picture(batch: torch.Tensor) -> Array:
    """Return model inputs, (N, 1, 224, 224), as small pictures (N, 256) of mean 0 and norm 1."""
    small = functional.adaptive_avg_pool2d(batch, SMALL_SIDE).flatten(1).double().cpu().numpy()
    centred = small - small.mean(axis=1, keepdims=True)
    norm = np.linalg.norm(centred, axis=1, keepdims=True)
    return np.asarray(centred / np.maximum(norm, LEAST_NORM))


def gate_tensors(gate: Gate) -> dict[str, torch.Tensor]:
    """Return a gate as the tensors of its file."""
    tensors = {
        "unlikeness.threshold": _number(gate.unlikeness_threshold),
        "turned.weights": torch.from_numpy(gate.turned_weights),
        "turned.bias": _number(gate.turned_bias),
        "turned.threshold": _number(gate.turned_threshold),
    }
    for name, likeness in (("features", gate.features), ("picture", gate.picture)):
        for part in _PARTS:
            value = getattr(likeness, part)
            tensors[f"{name}.{part}"] = (
                torch.from_numpy(value) if isinstance(value, np.ndarray) else _number(value)
            )
    return {name: value.float().contiguous() for name, value in tensors.items()}


def gate_of(tensors: Mapping[str, torch.Tensor]) -> Gate:
    """Return the gate that `gate_tensors` wrote.

    Raises
    ------
    KeyError, ValueError
        The tensors are none of a gate.
    """
    values = {name: value.double().numpy() for name, value in tensors.items()}
    return Gate(
        features=_likeness(values, "features"),
        picture=_likeness(values, "picture"),
        unlikeness_threshold=values["unlikeness.threshold"].item(),
        turned_weights=values["turned.weights"],
        turned_bias=values["turned.bias"].item(),
        turned_threshold=values["turned.threshold"].item(),
    )


_PARTS = ("mean", "scale", "components", "variances", "residual", "centre", "spread")


def _likeness(values: Mapping[str, Array], name: str) -> Likeness:
    mean, scale, components, variances, *numbers = (values[f"{name}.{part}"] for part in _PARTS)
    residual, centre, spread = (number.item() for number in numbers)
    return Likeness(
        mean=mean,
        scale=scale,
        components=components,
        variances=variances,
        residual=residual,
        centre=centre,
        spread=spread,
    )


def _number(value: float) -> torch.Tensor:
    return torch.tensor([value], dtype=torch.float64)
