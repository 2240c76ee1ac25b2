"""The map lies where the evidence is, on the image as it was received."""

import numpy as np
import pytest

from inference.explanation import LONGEST_SIDE_PIXELS, activation_map, draw

CAPTION = ("AI: pneumonia DETECTED.",)


def hottest(pixels: np.ndarray) -> tuple[int, int]:
    """Row and column where red exceeds green the most."""
    excess = pixels[..., 0].astype(int) - pixels[..., 1].astype(int)
    row, column = np.unravel_index(excess.argmax(), excess.shape)
    return int(row), int(column)


def test_evidence_for_is_weighed_and_evidence_against_is_nothing() -> None:
    features = np.zeros((3, 2, 2), dtype=np.float32)
    features[0, 0, 1] = 4.0
    features[1, 1, 0] = 9.0
    features[2, 1, 1] = 2.0
    made = activation_map(features, np.array([1.0, -1.0, 1.0]))
    np.testing.assert_allclose(made, [[0.0, 1.0], [0.0, 0.5]])


def test_a_network_that_sees_nothing_makes_an_empty_map() -> None:
    assert activation_map(np.zeros((3, 7, 7)), np.ones(3)).max() == 0


@pytest.mark.parametrize("shape", [(300, 240), (240, 300), (2601, 1999)])
@pytest.mark.parametrize("cell", [(1, 5), (6, 0), (3, 3)])
def test_a_hot_cell_is_drawn_at_its_place(shape: tuple[int, int], cell: tuple[int, int]) -> None:
    activation = np.zeros((7, 7), dtype=np.float32)
    activation[cell] = 1.0
    made = draw(np.full(shape, 100, dtype=np.uint8), activation, CAPTION)
    row, column = hottest(made.pixels[: made.image_rows])
    # In the middle of its seventh of the image, whatever the shape.
    assert row / made.image_rows == pytest.approx((cell[0] + 0.5) / 7, abs=1 / 14)
    assert column / made.pixels.shape[1] == pytest.approx((cell[1] + 0.5) / 7, abs=1 / 14)


def test_where_there_is_no_heat_the_grey_is_untouched() -> None:
    grey = np.random.default_rng(1).integers(0, 255, (350, 210), dtype=np.uint8)
    activation = np.zeros((7, 7), dtype=np.float32)
    activation[0, 0] = 1.0
    made = draw(grey, activation, CAPTION)
    far = made.pixels[150:350, :]
    assert (far == grey[150:350, :, None]).all()


def test_full_heat_is_red_over_grey_and_least_heat_a_little_yellow() -> None:
    grey = np.full((210, 210), 100, dtype=np.uint8)
    hot = draw(grey, np.full((7, 7), 1.0, dtype=np.float32), CAPTION).pixels[0, 0]
    assert hot.tolist() == [170, 55, 55]  # 55 % of the grey and 45 % of (255, 0, 0)
    least = draw(grey, np.full((7, 7), 0.2, dtype=np.float32), CAPTION).pixels[0, 0]
    assert least.tolist() == [114, 108, 91]  # 91 % of the grey and 9 % of (255, 184, 0)
    below = draw(grey, np.full((7, 7), 0.19, dtype=np.float32), CAPTION).pixels[0, 0]
    assert below.tolist() == [100, 100, 100]


def test_the_caption_stands_below_the_image_and_covers_nothing() -> None:
    grey = np.full((300, 240), 77, dtype=np.uint8)
    made = draw(grey, np.zeros((7, 7), dtype=np.float32), CAPTION)
    assert made.image_rows == 300
    assert (made.pixels[:300] == 77).all()
    strip = made.pixels[300:]
    assert strip.shape[0] > 10
    assert strip.max() > 200 > 50 > np.median(strip)


def test_a_long_caption_is_wrapped_and_an_accent_is_drawn() -> None:
    grey = np.zeros((300, 240), dtype=np.uint8)
    flat = np.zeros((7, 7), dtype=np.float32)
    one, three = (len(draw(grey, flat, ("word " * count,)).pixels) for count in (3, 60))
    assert three > one + 20
    plain = draw(grey, flat, ("neumonia",)).pixels
    accented = draw(grey, flat, ("neumonía",)).pixels
    other = draw(grey, flat, ("neumon\u4e00a",)).pixels
    assert (plain != accented).sum() < (plain != other).sum()


def test_a_large_image_is_reduced_evenly() -> None:
    made = draw(np.zeros((2601, 1999), dtype=np.uint8), np.zeros((7, 7), dtype=np.float32), CAPTION)
    assert made.reduction == 3
    assert (made.image_rows, made.pixels.shape[1]) == (867, 667)
    assert made.image_rows <= LONGEST_SIDE_PIXELS
