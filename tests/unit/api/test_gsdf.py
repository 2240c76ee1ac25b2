"""The standard display function, against the tables of PS3.14."""

from itertools import pairwise

import pytest

from api.images.gsdf import jnd_index_of, levels_to_measure, luminance_of


@pytest.mark.parametrize(
    ("jnd_index", "luminance"),
    # PS3.14 annex B, table B-1.
    [(1, 0.0500), (2, 0.0547), (3, 0.0594), (1023, 3993.4040)],
)
def test_luminances_are_those_of_the_standards_table(jnd_index: int, luminance: float) -> None:
    assert luminance_of(jnd_index) == pytest.approx(luminance, rel=2e-3)


def test_index_and_luminance_are_each_others_inverse() -> None:
    for index in range(1, 1024, 7):
        assert jnd_index_of(luminance_of(index)) == pytest.approx(index, abs=0.5)


def test_levels_run_from_black_to_white_in_even_steps_of_what_can_be_seen() -> None:
    levels = levels_to_measure(black=0.5, white=400, ambient=0.3)
    assert [level.driving_level for level in levels] == [15 * number for number in range(18)]
    assert levels[0].measured == pytest.approx(0.5, rel=0.01)
    assert levels[-1].measured == pytest.approx(400, rel=0.01)
    assert levels[0].luminance - levels[0].measured == pytest.approx(0.3)
    steps = {round(after.jnd_index - before.jnd_index, 6) for before, after in pairwise(levels)}
    assert len(steps) == 1


@pytest.mark.parametrize(("black", "white"), [(0, 350), (1, 1), (2, 1), (1, 4000), (-1, 350)])
def test_what_no_display_can_be_is_refused(black: float, white: float) -> None:
    with pytest.raises(ValueError, match="black"):
        levels_to_measure(black=black, white=white)
