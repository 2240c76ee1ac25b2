"""Fits the gate of a bundle on training images, and its thresholds on validation images.

Every image is seen as it is and varied once, as another hospital's or a sloppy positioning would
vary it, then equalised again as serving does. Nothing but chest radiographs is used: what is turned
or upside down is made from them, and what other nonsense there is the gate never saw.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression

from config.training import Augmentation
from inference.bundle import BundleGate, GateFigures
from inference.gate import (
    GATE_TAPS,
    MOST_STRANGENESS,
    SMALL_SIDE,
    Gate,
    Likeness,
    described_features,
    described_picture,
)
from inference.network import RadiographNet
from inference.preprocessing import INPUT_SIZE, to_model_input
from training.augment import augment
from training.dataset import Part

# Half of the set is as good as all of it (measured), at half of the time.
MOST_TRAINING_IMAGES = 2400
FEATURE_COMPONENTS = 64
PICTURE_COMPONENTS = 48
IMAGES_PER_COMPONENT = 4
LEAST_SCALE = 1e-3
BATCH = 64
SEED = 1
# Each of the two looks may refuse this share of the plain and varied validation images.
FALSE_REFUSALS_OF_EACH = 0.005
# Of the regression that tells turned images; with pictures of norm 1 weak is enough.
TURNED_REGULARISATION = 25.0
TURNED_ITERATIONS = 400
VARIATION = Augmentation(
    flip_fraction=0.5,
    rotation_degrees=8.0,
    zoom=(0.8, 1.1),
    aspect=1.2,
    shift_fraction=0.05,
    gamma=1.0,
    contrast_fraction=0.1,
    tone_strength=0.3,
    bias_strength=0.06,
    sharpness=0.8,
    noise=0.04,
    erasing_fraction=0.0,
)

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Described:
    """Images as the gate sees them: pooled features (N, D) and small pictures (N, 256)."""

    features: Array
    pictures: Array

    def __len__(self) -> int:
        return len(self.pictures)


@dataclass(frozen=True, kw_only=True)
class FittedGate:
    """A gate and what is said of it in the manifest."""

    gate: Gate
    record: BundleGate


def fit_gate(
    network: RadiographNet,
    architecture: str,
    *,
    train: Part,
    validation: Part,
    test: Part | None,
) -> FittedGate:
    """Fit a gate to a network; the test split is only counted, after everything is fixed."""
    tap = GATE_TAPS[architecture]
    chosen = train.first(MOST_TRAINING_IMAGES)
    plain = describe(network, tap, chosen.images)
    varied = describe(network, tap, vary(chosen.images, seed=SEED))
    checked = {
        "validation": describe(network, tap, validation.images),
        "varied validation": describe(network, tap, vary(validation.images, seed=SEED + 1)),
    }
    gate = _fit(_together((plain, varied)), _together(tuple(checked.values())))
    if test is not None:
        checked["test"] = describe(network, tap, test.images)
    figures = tuple(_figures(gate, split, described) for split, described in checked.items())
    record = BundleGate(
        tap=tap,
        images=len(plain),
        target_false_refusals=2 * FALSE_REFUSALS_OF_EACH,
        figures=figures,
    )
    return FittedGate(gate=gate, record=record)


@torch.inference_mode()
def describe(network: RadiographNet, tap: str, images: torch.Tensor) -> Described:
    """Describe prepared images, uint8 (N, 224, 224), by one forward pass each."""
    pooled: list[torch.Tensor] = []
    pictures = []
    hook = network.trunk.get_submodule(tap).register_forward_hook(
        lambda _module, _inputs, output: pooled.append(output.mean(dim=(2, 3)))
    )
    network.eval()
    try:
        for rows in images.split(BATCH):
            batch = rows[:, None].float() / 255.0
            network.features(batch.to(memory_format=torch.channels_last))
            pictures.append(described_picture(batch))
    finally:
        hook.remove()
    return Described(
        features=described_features(torch.cat(pooled)), pictures=np.concatenate(pictures)
    )


def vary(images: torch.Tensor, *, seed: int) -> torch.Tensor:
    """Draw one variation of each image, equalised again; uint8 (N, 224, 224)."""
    generator = torch.Generator().manual_seed(seed)
    varied = []
    for rows in images.split(BATCH):
        changed = augment(rows, size=INPUT_SIZE, limits=VARIATION, generator=generator)
        equalised = torch.stack([to_model_input(one[0].numpy()) for one in changed])
        varied.append((equalised[:, 0] * 255.0).round().to(torch.uint8))
    return torch.cat(varied)


def _fit(train: Described, validation: Described) -> Gate:
    features = _likeness(train.features, validation.features, FEATURE_COMPONENTS)
    picture = _likeness(train.pictures, validation.pictures, PICTURE_COMPONENTS)
    weights, bias = _fit_turned(train.pictures)
    quantile = 1 - FALSE_REFUSALS_OF_EACH
    unlikeness = features.distances(validation.features) + picture.distances(validation.pictures)
    return Gate(
        features=features,
        picture=picture,
        unlikeness_threshold=float(np.quantile(unlikeness, quantile)),
        turned_weights=weights,
        turned_bias=bias,
        turned_threshold=float(np.quantile(validation.pictures @ weights + bias, quantile)),
    )


def _likeness(train: Array, validation: Array, components: int) -> Likeness:
    mean, scale = train.mean(axis=0), train.std(axis=0) + LEAST_SCALE
    scaled = (train - mean) / scale
    # Of a set that is small, as in tests, only what it can tell.
    count = max(min(components, len(train) // IMAGES_PER_COMPONENT) - 1, 1)
    pca = PCA(count, svd_solver="full").fit(scaled)
    left_over = scaled - (scaled @ pca.components_.T) @ pca.components_
    unplaced = Likeness(
        mean=mean,
        scale=scale,
        components=pca.components_,
        variances=np.maximum(pca.explained_variance_, LEAST_SCALE**2),
        residual=max(float(np.square(left_over).sum(axis=1).mean()), LEAST_SCALE**2),
        centre=0.0,
        spread=1.0,
    )
    distances = unplaced.distances(validation)
    return Likeness(
        **{
            **vars(unplaced),
            "centre": float(distances.mean()),
            "spread": max(float(distances.std()), LEAST_SCALE),
        }
    )


def _fit_turned(pictures: Array) -> tuple[Array, float]:
    """Fit what tells upright pictures from the same ones upside down, and turned by quarters."""
    upright = pictures.reshape(-1, SMALL_SIDE, SMALL_SIDE)
    turned = [
        upright[:, ::-1],
        upright[:, ::-1, ::-1],
        np.rot90(upright, 1, (1, 2)),
        np.rot90(upright, 3, (1, 2)),
    ]
    seen = np.concatenate([upright, *turned]).reshape(-1, SMALL_SIDE * SMALL_SIDE)
    is_turned = np.arange(len(seen)) >= len(upright)
    model = LogisticRegression(
        C=TURNED_REGULARISATION, max_iter=TURNED_ITERATIONS, class_weight="balanced"
    ).fit(seen, is_turned)
    return np.asarray(model.coef_[0], dtype=np.float64), float(model.intercept_[0])


def _figures(gate: Gate, split: str, described: Described) -> GateFigures:
    scores = gate.scores(described.features, described.pictures)
    refused = int((scores > MOST_STRANGENESS).sum())
    return GateFigures.model_validate(
        {"split": split, "images": len(described), "refused": refused}
    )


def _together(parts: Sequence[Described]) -> Described:
    return Described(
        features=np.concatenate([part.features for part in parts]),
        pictures=np.concatenate([part.pictures for part in parts]),
    )
