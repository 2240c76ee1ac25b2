"""May this image be scored? One row of the table per reason to refuse, and per reason not to."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.uid import JPEG2000, JPEGBaseline8Bit

from archive.records import Refusal
from inference.eligibility import Verdict, examine, foremost, has_contrast
from inference.statements import POPULATION_STATEMENTS, Statement
from tests.builders.bundles import CHILDREN
from tests.builders.radiographs import coded, drawn_chest, radiograph

PA_CODE = coded("272479007", "SCT", "postero-anterior")
LATERAL_CODE = coded("399067008", "SCT", "lateral")
LEG_CODE = coded("30021000", "SCT", "Lower leg")


def judged(kind: str = "CR", **changes: Any) -> Verdict:
    return examine(radiograph(kind, **changes), CHILDREN)


@pytest.mark.parametrize("kind", ["CR", "DX"])
def test_a_childs_ap_chest_is_scored_without_reservation(kind: str) -> None:
    assert judged(kind) == Verdict()


@pytest.mark.parametrize(
    ("refusal", "kind", "changes"),
    [
        (Refusal.WRONG_SOP_CLASS, "CR", {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.2"}),
        (Refusal.WRONG_SOP_CLASS, "DX", {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.1.1.1"}),
        (Refusal.WRONG_SOP_CLASS, "DX", {"PresentationIntentType": "FOR PROCESSING"}),
        (Refusal.WRONG_SOP_CLASS, "CR", {"SOPClassUID": None}),
        (Refusal.WRONG_MODALITY, "CR", {"Modality": "MG"}),
        (Refusal.WRONG_MODALITY, "CR", {"Modality": None}),
        (Refusal.WRONG_MODALITY, "SC", {"Modality": "US"}),
        (Refusal.WRONG_BODY_PART, "CR", {"BodyPartExamined": "EXTREMITY"}),
        (Refusal.WRONG_BODY_PART, "CR", {"BodyPartExamined": "CHESTABDOMEN"}),
        (Refusal.WRONG_BODY_PART, "CR", {"BodyPartExamined": None}),
        (Refusal.WRONG_BODY_PART, "CR", {"BodyPartExamined": ""}),
        (Refusal.WRONG_BODY_PART, "DX", {"AnatomicRegionSequence": []}),
        (Refusal.WRONG_BODY_PART, "DX", {"AnatomicRegionSequence": [LEG_CODE]}),
        (Refusal.WRONG_BODY_PART, "DX", {"BodyPartExamined": "LEG"}),
        (
            Refusal.WRONG_BODY_PART,
            "CR",
            {"BodyPartExamined": None, "SeriesDescription": "Thoracic spine AP"},
        ),
        (Refusal.NOT_FRONTAL, "CR", {"ViewPosition": "LL"}),
        (Refusal.NOT_FRONTAL, "CR", {"ViewPosition": "RL"}),
        (Refusal.NOT_FRONTAL, "CR", {"ViewPosition": "LATERAL"}),
        (Refusal.NOT_FRONTAL, "CR", {"ViewPosition": "RLD"}),
        (Refusal.NOT_FRONTAL, "DX", {"ViewCodeSequence": [LATERAL_CODE]}),
        (Refusal.NOT_FRONTAL, "CR", {"ViewPosition": "", "PatientOrientation": ["A", "F"]}),
        (Refusal.NOT_FRONTAL, "CR", {"ViewPosition": "", "SeriesDescription": "CHEST_LAT"}),
        (Refusal.MULTI_FRAME, "SC", {"NumberOfFrames": 2}),
        (Refusal.NOT_GREYSCALE, "SC", {"SamplesPerPixel": 3}),
        (Refusal.NOT_GREYSCALE, "CR", {"PhotometricInterpretation": "PALETTE COLOR"}),
        (Refusal.NOT_GREYSCALE, "CR", {"PhotometricInterpretation": None}),
        (Refusal.TOO_SMALL, "CR", {"Rows": 64}),
        (Refusal.TOO_SMALL, "CR", {"Columns": None}),
        (Refusal.TOO_LARGE, "CR", {"Columns": 20_000}),
        (Refusal.PIXELS_UNREADABLE, "CR", {"BitsAllocated": 32}),
        (Refusal.PIXELS_UNREADABLE, "CR", {"BitsStored": 1}),
        (Refusal.PIXELS_UNREADABLE, "CR", {"BitsStored": 17}),
        (Refusal.PIXELS_UNREADABLE, "CR", {"PixelData": None}),
    ],
)
def test_what_the_model_was_not_made_for_is_refused_with_its_reason(
    refusal: Refusal, kind: str, changes: dict[str, Any]
) -> None:
    assert judged(kind, **changes).refusal is refusal


@pytest.mark.parametrize(
    ("statement", "kind", "changes"),
    [
        (Statement.AGE_OUTSIDE_POPULATION, "CR", {"PatientBirthDate": "19400305"}),
        (Statement.AGE_OUTSIDE_POPULATION, "CR", {"PatientBirthDate": "20231201"}),
        (Statement.AGE_OUTSIDE_POPULATION, "CR", {"PatientAge": "006Y"}),
        (Statement.AGE_OUTSIDE_POPULATION, "CR", {"PatientAge": "011M"}),
        (Statement.AGE_UNKNOWN, "CR", {"PatientBirthDate": ""}),
        (Statement.AGE_UNKNOWN, "CR", {"PatientBirthDate": "20990101"}),
        (Statement.AGE_UNKNOWN, "CR", {"PatientBirthDate": "1960"}),
        (Statement.VIEW_OUTSIDE_POPULATION, "CR", {"ViewPosition": "PA"}),
        (Statement.VIEW_OUTSIDE_POPULATION, "DX", {"ViewCodeSequence": [PA_CODE]}),
        (Statement.VIEW_UNKNOWN, "CR", {"ViewPosition": ""}),
        (Statement.VIEW_UNKNOWN, "DX", {"ViewCodeSequence": None}),
        (Statement.LOSSY_COMPRESSION, "CR", {"LossyImageCompression": "01"}),
        (Statement.SECONDARY_CAPTURE, "SC", {}),
        (Statement.BURNED_IN_ANNOTATION, "DX", {"BurnedInAnnotation": "YES"}),
        (
            Statement.BODY_PART_FROM_DESCRIPTION,
            "CR",
            {"BodyPartExamined": None, "StudyDescription": "Rx tórax AP"},
        ),
    ],
)
def test_a_limit_of_the_score_is_stated(
    statement: Statement, kind: str, changes: dict[str, Any]
) -> None:
    verdict = judged(kind, **changes)
    assert verdict.refusal is None
    assert statement in verdict.statements


@pytest.mark.parametrize("age", ["001Y", "018M", "005Y", "071M"])
def test_a_child_of_the_population_carries_no_population_statement(age: str) -> None:
    assert not POPULATION_STATEMENTS & set(judged(PatientAge=age).statements)


def test_jpeg_2000_counts_as_lossy_unless_the_flag_denies_it() -> None:
    ds = radiograph("CR")
    ds.file_meta.TransferSyntaxUID = JPEG2000
    assert Statement.LOSSY_COMPRESSION in examine(ds, CHILDREN).statements
    ds.LossyImageCompression = "00"
    assert Statement.LOSSY_COMPRESSION not in examine(ds, CHILDREN).statements
    ds.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    assert Statement.LOSSY_COMPRESSION in examine(ds, CHILDREN).statements


def test_the_detail_names_element_and_value() -> None:
    assert judged(BodyPartExamined="EXTREMITY").detail == "BodyPartExamined EXTREMITY"


def test_an_image_of_one_tone_has_no_contrast_even_with_a_marker() -> None:
    image = np.full((500, 400), 0.3, dtype=np.float32)
    assert not has_contrast(image)
    image[:10, :10] = 1.0
    assert not has_contrast(image)
    assert has_contrast(drawn_chest() / np.float32(4095))


def test_the_refusal_nearest_to_a_score_is_told_first() -> None:
    refusals = [Refusal.WRONG_MODALITY, Refusal.NOT_FRONTAL, Refusal.WRONG_SOP_CLASS]
    assert foremost(refusals) is Refusal.NOT_FRONTAL
    assert foremost([]) is Refusal.NO_IMAGE


@pytest.mark.data
def test_a_real_adult_chest_is_scored_with_statements_and_a_real_leg_never(
    test_data: Path,
) -> None:
    chest = examine(dcmread(test_data / "dicom_samples" / "RG1_J2KI.dcm"), CHILDREN)
    assert chest.refusal is None
    assert set(chest.statements) == {
        Statement.AGE_OUTSIDE_POPULATION,
        Statement.VIEW_OUTSIDE_POPULATION,
        Statement.LOSSY_COMPRESSION,
    }
    leg = examine(dcmread(test_data / "dicom_samples" / "RG3_J2KI.dcm"), CHILDREN)
    assert leg.refusal is Refusal.WRONG_BODY_PART
