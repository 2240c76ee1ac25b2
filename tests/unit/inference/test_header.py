"""Real headers are read without ever raising."""

import pytest
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset

from inference import header
from tests.builders.radiographs import radiograph


def test_an_absent_element_is_empty() -> None:
    assert header.text(Dataset(), "BodyPartExamined") == ""
    assert header.texts(Dataset(), "PatientOrientation") == ()
    assert header.whole_number(Dataset(), "Rows") is None
    assert header.items(Dataset(), "AnatomicRegionSequence") == ()


def test_a_name_is_one_text_although_it_can_be_iterated() -> None:
    assert header.texts(radiograph(), "PatientName") == ("Núñez^Zoë",)


def test_padding_is_no_content() -> None:
    ds = Dataset()
    ds.BodyPartExamined = " CHEST\0 "
    assert header.text(ds, "BodyPartExamined") == "CHEST"


def test_a_malformed_number_is_absent() -> None:
    ds = Dataset()
    ds.add(DataElement(0x00280010, "LO", "many"))
    assert header.whole_number(ds, "Rows") is None


@pytest.mark.parametrize(
    ("age", "years"), [("003Y", 3.0), ("018M", 1.5), ("052W", 1.0), ("000D", 0.0)]
)
def test_recorded_age_is_read_in_its_unit(age: str, years: float) -> None:
    ds = radiograph(PatientAge=age)
    assert header.age_years(ds) == pytest.approx(years, abs=0.01)


def test_age_is_counted_from_birth_to_study_where_it_is_not_recorded() -> None:
    ds = radiograph(PatientBirthDate="20200131", StudyDate="20240131")
    assert header.age_years(ds) == pytest.approx(4.0, abs=0.01)


@pytest.mark.parametrize("spacing", [[0.1, -1], [0.0, 0.1], []])
def test_impossible_spacing_is_absent(spacing: list[float]) -> None:
    ds = Dataset()
    ds.ImagerPixelSpacing = spacing
    assert header.positive_numbers(ds, "ImagerPixelSpacing") == ()
