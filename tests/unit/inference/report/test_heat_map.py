"""The heat map as an object: whose it is, what it shows, what it says of itself."""

import numpy as np
from pydicom.dataset import Dataset

from inference.explanation import draw
from inference.report.document import encode
from tests.builders.radiographs import radiograph
from tests.builders.reports import a_heat_map
from tests.builders.studies import as_dataset


def made_of(source: Dataset) -> Dataset:
    return as_dataset(encode(a_heat_map(source)))


def test_it_lies_in_the_study_of_its_image_and_names_it() -> None:
    source = radiograph()
    made = made_of(source)
    assert made.StudyInstanceUID == source.StudyInstanceUID
    assert made.SeriesInstanceUID != source.SeriesInstanceUID
    assert made.PatientName == source.PatientName
    (reference,) = made.SourceImageSequence
    assert reference.ReferencedSOPInstanceUID == source.SOPInstanceUID


def test_it_says_that_it_is_not_for_diagnosis_and_that_words_are_burned_in() -> None:
    made = made_of(radiograph())
    assert made.SeriesDescription == "AI heat map (not for diagnosis)"
    assert made.BurnedInAnnotation == "YES"
    assert "not a segmentation" in made.DerivationDescription
    assert made.Modality == "OT"


def test_its_pixels_are_those_that_were_drawn() -> None:
    source = radiograph()
    grey = np.full((300, 240), 90, dtype=np.uint8)
    drawn = draw(grey, np.eye(7, dtype=np.float32), ("AI",))
    made = as_dataset(encode(a_heat_map(source, drawn)))
    assert (made.pixel_array == drawn.pixels).all()


def test_a_reduced_image_has_wider_pixels() -> None:
    source = radiograph(ImagerPixelSpacing=[0.2, 0.1])
    drawn = draw(
        np.zeros((2000, 1500), dtype=np.uint8), np.zeros((7, 7), dtype=np.float32), ("AI",)
    )
    made = a_heat_map(source, drawn)
    assert [float(one) for one in made.NominalScannedPixelSpacing] == [0.4, 0.2]


def test_a_repeat_makes_the_same_bytes() -> None:
    source = radiograph()
    assert encode(a_heat_map(source)) == encode(a_heat_map(source))
