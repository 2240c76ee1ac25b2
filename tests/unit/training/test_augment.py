"""Random changes stay within their limits, and nothing changes where no limit allows it."""

from typing import Any

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from config.training import Augmentation, load_training_settings
from training.augment import augment, blur

NOTHING = Augmentation(
    flip_fraction=0.0,
    rotation_degrees=0.0,
    zoom=(1.0, 1.0),
    aspect=1.0,
    shift_fraction=0.0,
    gamma=1.0,
    contrast_fraction=0.0,
    tone_strength=0.0,
    bias_strength=0.0,
    sharpness=0.0,
    noise=0.0,
    erasing_fraction=0.0,
)


def images(count: int = 4) -> torch.Tensor:
    """Smooth, bright to the right and a little to the bottom, so that every turn shows."""
    down, across = torch.meshgrid(torch.arange(224), torch.arange(224), indexing="ij")
    return (0.8 * across + 0.3 * down).to(torch.uint8).repeat(count, 1, 1)


def changed(size: int = 224, seed: int = 1, **limits: Any) -> torch.Tensor:
    return augment(
        images(),
        size=size,
        limits=NOTHING.model_copy(update=limits),
        generator=torch.Generator().manual_seed(seed),
    )


def test_without_limits_the_images_stay_as_they_are() -> None:
    assert (changed() - images()[:, None] / 255).abs().max() < 1.01 / 255


def test_flip_mirrors_left_and_right_only() -> None:
    assert (changed(flip_fraction=1.0) - images()[:, None].flip(3) / 255).abs().max() < 1.01 / 255


def test_size_is_the_one_asked_for() -> None:
    assert changed(size=96).shape == (4, 1, 96, 96)


def test_zoom_shows_the_middle_larger() -> None:
    result = changed(zoom=(0.5, 0.5))
    expected_span = (images()[0, 112, 167].float() - images()[0, 112, 56].float()) / 255

    spans = result[:, 0, 112, 223] - result[:, 0, 112, 0]
    assert spans == pytest.approx(expected_span.item(), abs=0.02)


def test_rotation_keeps_squares_square() -> None:
    source = torch.zeros(1, 224, 224, dtype=torch.uint8)
    source[:, 72:152, 72:152] = 255
    limits = NOTHING.model_copy(update={"rotation_degrees": 45.0})

    turned = augment(source, size=224, limits=limits, generator=torch.Generator().manual_seed(3))[
        0, 0
    ]

    places = turned.gt(0.5).nonzero().float()
    spread = torch.linalg.eigvalsh(torch.cov(places.T))
    assert spread[1] / spread[0] == pytest.approx(1.0, abs=0.02)
    assert turned.sum().item() == pytest.approx(6400, rel=0.02)


@pytest.mark.parametrize(
    "limit",
    [
        {"gamma": 2.0},
        {"tone_strength": 0.9},
        {"contrast_fraction": 0.3},
    ],
    ids=str,
)
def test_tone_changes_are_monotone(limit: dict[str, Any]) -> None:
    row = changed(**limit)[:, 0, 112]

    assert (row.diff(dim=1) >= -1e-6).all()
    assert (row - images()[:, 112] / 255).abs().max() > 0.02


@pytest.mark.parametrize(
    "limit",
    [
        {"bias_strength": 0.5},
        {"noise": 0.1},
        {"erasing_fraction": 1.0},
        {"sharpness": 1.0},
        {"black_fraction": 0.3},
        {"border_fraction": 0.2},
        {"coarseness": 0.6},
    ],
    ids=str,
)
def test_every_change_changes_something_and_stays_in_range(limit: dict[str, float]) -> None:
    noise = torch.randint(0, 256, (16, 224, 224), dtype=torch.uint8)
    unchanged, result = (
        augment(
            noise,
            size=112,
            limits=NOTHING.model_copy(update=update),
            generator=torch.Generator().manual_seed(1),
        )
        for update in ({}, limit)
    )

    differs = (result - unchanged).abs().amax(dim=(1, 2, 3)) > 1 / 255
    assert differs.any()
    assert result.min() >= 0
    assert result.max() <= 1


def test_the_dark_part_becomes_one_level_and_the_rest_stays() -> None:
    plain = changed()
    result = changed(black_fraction=0.4)

    blackened = [(one, old) for one, old in zip(result, plain, strict=True) if not one.equal(old)]
    assert blackened
    for one, old in blackened:
        touched = one != old
        assert len(one[touched].unique()) == 1
        assert old[touched].max() < old[~touched].max()
        assert 0 < touched.float().mean() < 0.42


def test_borders_are_covered_from_the_edge_inwards() -> None:
    result = augment(
        torch.full((8, 224, 224), 100, dtype=torch.uint8),
        size=100,
        limits=NOTHING.model_copy(update={"border_fraction": 0.2}),
        generator=torch.Generator().manual_seed(1),
    )

    touched = ((result - 100 / 255).abs() > 1.01 / 255)[:, 0]
    assert touched.any()
    assert not touched[:, 21:79, 21:79].any()
    for covered in touched[touched.flatten(1).any(dim=1)]:
        whole_rows, whole_columns = covered.all(dim=1), covered.all(dim=0)
        assert whole_rows.any() or whole_columns.any()
        assert torch.equal(covered, whole_rows[:, None] | whole_columns[None])


def test_a_coarse_copy_has_lost_its_detail() -> None:
    board = (torch.arange(224)[:, None] + torch.arange(224)).remainder(2).to(torch.uint8) * 255
    limits = NOTHING.model_copy(update={"coarseness": 0.6})

    result = augment(
        board.repeat(8, 1, 1),
        size=224,
        limits=limits,
        generator=torch.Generator().manual_seed(1),
    )

    contrast = result.std(dim=(1, 2, 3))
    assert contrast.max() > 0.49  # some stay
    assert contrast.min() < 0.2


def test_the_same_seed_draws_the_same_changes() -> None:
    limits = load_training_settings().recipes["hilum"].augmentation.model_dump()

    assert torch.equal(changed(**limits), changed(**limits))
    assert not torch.equal(changed(**limits), changed(seed=2, **limits))


def test_blur_keeps_the_mean_and_softens_edges() -> None:
    edge = torch.zeros(1, 1, 40, 40)
    edge[..., 20:] = 1

    soft = blur(edge, 1.5)

    assert soft.mean().item() == pytest.approx(0.5, abs=1e-5)
    assert soft.diff(dim=3).max() < 0.4


def test_blur_equals_scipy_along_both_axes() -> None:
    images = torch.rand(2, 1, 9, 13, generator=torch.Generator().manual_seed(1))

    blurred = blur(images, 1.5)

    expected = gaussian_filter(images.numpy(), 1.5, mode="nearest", truncate=2.0, axes=(2, 3))
    assert np.abs(blurred.numpy() - expected).max() < 1e-6


def test_mixing_amplitudes_moves_style_between_images_and_leaves_their_phases() -> None:
    """Two images, one flat and one of strong contrast: in the middle, both lie between them."""
    flat = 100 + images(1)[0] // 20
    both = torch.stack([flat, 255 - images(1)[0]])
    limits = NOTHING.model_copy(update={"amplitude_mix": 1.0})
    contrasts, alike = set(), 0.0
    for seed in range(12):
        mixed = augment(
            both, size=224, limits=limits, generator=torch.Generator().manual_seed(seed)
        )
        contrasts.add(round(float(mixed[0].std()), 2))
        left, right = mixed[0, 0, :, 40].mean(), mixed[0, 0, :, 180].mean()
        alike = max(alike, float(left - right))
    plain = float((flat / 255).std())
    assert min(contrasts) == pytest.approx(plain, abs=0.01)  # half of the images stay
    assert max(contrasts) > 3 * plain
    assert alike < 0.02  # still brighter to the right, unlike the other image
