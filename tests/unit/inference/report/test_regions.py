"""Segmentation and outline lie on the received image's own pixels, and say what they are."""

import numpy as np
import pytest

from inference.report.document import encode
from inference.report.regions import outline, segmentation
from tests.builders.dirty_headers import DIRT, Dirt
from tests.builders.radiographs import COLUMNS, ROWS, file_bytes, radiograph
from tests.builders.reports import MADE_AT, an_author
from tests.builders.studies import as_dataset

CELL = (1, 5)  # row and column of the network's grid: upper right


def hot() -> np.ndarray:
    activation = np.zeros((7, 7), dtype=np.float32)
    activation[CELL] = 1.0
    return activation


def test_a_segmentation_has_the_grid_of_its_image_and_is_hot_where_the_map_is() -> None:
    source = radiograph()
    made = as_dataset(encode(segmentation(source, hot(), an_author(), made_at=MADE_AT)))
    assert (made.Rows, made.Columns) == (ROWS, COLUMNS)
    row, column = np.unravel_index(made.pixel_array.argmax(), (ROWS, COLUMNS))
    assert row / ROWS == pytest.approx((CELL[0] + 0.5) / 7, abs=1 / 14)
    assert column / COLUMNS == pytest.approx((CELL[1] + 0.5) / 7, abs=1 / 14)


def test_an_outline_goes_round_the_hot_cell() -> None:
    made = as_dataset(encode(outline(radiograph(), hot(), an_author(), made_at=MADE_AT)))
    (annotation,) = made.GraphicAnnotationSequence
    (graphic,) = annotation.GraphicObjectSequence
    points = np.asarray(graphic.GraphicData).reshape(-1, 2)  # columns and rows (C.10.5)
    middle = points.mean(axis=0)
    assert middle[0] / COLUMNS == pytest.approx((CELL[1] + 0.5) / 7, abs=0.05)
    assert middle[1] / ROWS == pytest.approx((CELL[0] + 0.5) / 7, abs=0.05)


@pytest.mark.parametrize("make", [segmentation, outline])
def test_it_belongs_to_its_image_says_what_it_is_and_repeats(make) -> None:  # type: ignore[no-untyped-def]  # two functions of one shape
    source = radiograph()
    before = source.to_json()
    made = make(source, hot(), an_author(), made_at=MADE_AT)
    again = make(source, hot(), an_author(), made_at=MADE_AT)
    assert source.to_json() == before
    assert made.StudyInstanceUID == source.StudyInstanceUID
    assert made.PatientName == source.PatientName
    assert "not a segmentation" in made.ContentDescription
    assert made.SOPInstanceUID == again.SOPInstanceUID


@pytest.mark.parametrize("make", [segmentation, outline])
@pytest.mark.parametrize("dirt", DIRT, ids=lambda one: one.name)
def test_a_dirty_header_does_not_cost_the_map(make, dirt: Dirt) -> None:  # type: ignore[no-untyped-def]  # two functions of one shape
    source = as_dataset(file_bytes(dirt.make()))
    assert encode(make(source, hot(), an_author(), made_at=MADE_AT))


def test_a_map_that_is_hot_all_over_is_outlined_by_the_image_itself() -> None:
    everywhere = np.ones((7, 7), dtype=np.float32)
    made = outline(radiograph(), everywhere, an_author(), made_at=MADE_AT)
    (graphic,) = made.GraphicAnnotationSequence[0].GraphicObjectSequence
    points = np.asarray(graphic.GraphicData).reshape(-1, 2)
    assert points.min() >= 0
    assert tuple(points.max(axis=0)) == (COLUMNS, ROWS)
