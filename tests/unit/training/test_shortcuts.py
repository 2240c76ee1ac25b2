"""A network that goes by how a film was taken is found out; one that does not is not accused."""

import numpy as np
import pytest

from training.shortcuts import MARKS, shortcuts

COUNT = 400


def films(*, agreement: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Images whose sides are bright in this share of the ill and dark in as many of the well."""
    rng = np.random.default_rng(3)
    is_ill = np.arange(COUNT) % 2 == 0
    has_bright_sides = np.where(rng.random(COUNT) < agreement, is_ill, ~is_ill)
    images = rng.integers(90, 160, (COUNT, 64, 64)).astype(np.uint8)
    sides = np.where(has_bright_sides, 180, 20)[:, None, None] + rng.integers(
        0, 20, (COUNT, 64, 10)
    )
    images[:, :, :10] = images[:, :, -10:] = sides
    return images, is_ill, has_bright_sides


def test_every_mark_is_looked_at() -> None:
    images, is_ill, _ = films(agreement=0.8)

    assert [s.mark for s in shortcuts(images, is_ill, is_ill.astype(float))] == list(MARKS)


def test_a_network_that_goes_by_the_sides_fails_where_they_mislead() -> None:
    images, is_ill, has_bright_sides = films(agreement=0.8)
    rng = np.random.default_rng(4)

    found = {s.mark: s for s in shortcuts(images, is_ill, has_bright_sides + rng.random(COUNT))}

    sides = found["brightness of the sides"]
    assert sides.auc_of_mark == pytest.approx(0.8, abs=0.06)
    assert sides.auc_where_it_agrees > 0.95
    assert sides.auc_where_it_misleads < 0.7


def test_a_network_that_goes_by_something_else_is_as_good_in_both_halves() -> None:
    images, is_ill, _ = films(agreement=0.8)
    scores = is_ill + np.random.default_rng(5).normal(0, 0.5, COUNT)

    sides = {s.mark: s for s in shortcuts(images, is_ill, scores)}["brightness of the sides"]

    assert sides.auc_where_it_misleads == pytest.approx(sides.auc_where_it_agrees, abs=0.06)


def test_a_mark_that_is_stronger_in_the_well_is_turned_round() -> None:
    images, is_ill, has_bright_sides = films(agreement=0.2)
    rng = np.random.default_rng(6)

    sides = {s.mark: s for s in shortcuts(images, is_ill, ~has_bright_sides + rng.random(COUNT))}[
        "brightness of the sides"
    ]

    assert sides.auc_of_mark < 0.3
    assert sides.auc_where_it_agrees > sides.auc_where_it_misleads


def test_images_that_are_all_alike_mislead_nobody() -> None:
    is_ill = np.arange(COUNT) % 2 == 0
    alike = np.full((COUNT, 64, 64), 99, dtype=np.uint8)

    for one in shortcuts(alike, is_ill, is_ill.astype(float)):
        assert one.auc_where_it_agrees == 1.0
        assert np.isnan(one.auc_where_it_misleads)
