"""Wrapped pictures are valid objects, keep their pixels and get the same UIDs every time."""

import io
import subprocess
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.uid import (
    UID,
    ComputedRadiographyImageStorage,
    DigitalXRayImageStorageForPresentation,
)

from inference.pixels import read_pixels
from tests.builders.kaggle import drawn_picture
from training.dicomize import Subject, dicomize

NOBODY = Subject(
    patient_name="Synthetic^Pneumonia 1",
    patient_id="SYN-1",
    patient_birth_date=date(2017, 3, 4),
    patient_age_years=3,
    patient_sex="F",
    accession_number="A1",
    study_description="Synthetic",
)
LEG = Subject(
    patient_name="Synthetic^Limb", patient_id="SYN-2", body_part="EXTREMITY", laterality="L"
)


@pytest.mark.peer("dicom3tools")
@pytest.mark.parametrize("bits", [8, 12])
@pytest.mark.parametrize("odd", [False, True], ids=["even", "odd"])
@pytest.mark.parametrize(
    ("sop_class_uid", "subject"),
    [
        (ComputedRadiographyImageStorage, NOBODY),
        (ComputedRadiographyImageStorage, LEG),
        (ComputedRadiographyImageStorage, Subject(patient_name="", patient_id="1")),
        (DigitalXRayImageStorageForPresentation, NOBODY),
    ],
    ids=["CR", "CR limb", "CR anonymous", "DX"],
)
def test_dciodvfy_finds_neither_error_nor_warning(
    tmp_path: Path, sop_class_uid: UID, subject: Subject, bits: int, odd: bool
) -> None:
    picture = (
        drawn_picture(is_ill=True, seed=1)[:95, :119] if odd else drawn_picture(is_ill=True, seed=1)
    )
    path = tmp_path / "made.dcm"
    ds = dicomize(picture, subject=subject, sop_class_uid=sop_class_uid, bits_stored=bits)
    ds.save_as(path, enforce_file_format=True)

    verdict = subprocess.run(["dciodvfy", path], capture_output=True, text=True, check=False)

    output = verdict.stdout + verdict.stderr
    assert "Error" not in output, output
    assert "Warning" not in output, output


@pytest.mark.parametrize("bits", [8, 12])
def test_pixels_come_back_as_they_went_in(bits: int) -> None:
    picture = drawn_picture(is_ill=True, seed=2)[:95, :119].astype(np.uint16) << (bits - 8)
    stream = io.BytesIO()
    dicomize(picture, subject=NOBODY, bits_stored=bits).save_as(stream, enforce_file_format=True)
    ds = dcmread(io.BytesIO(stream.getvalue()))

    assert np.array_equal(ds.pixel_array, picture)
    assert read_pixels(ds) == pytest.approx(picture / (2**bits - 1), abs=1e-6)
    assert (ds.BodyPartExamined, ds.ViewPosition, ds.PatientAge) == ("CHEST", "AP", "003Y")


def test_uids_follow_from_content_and_patient() -> None:
    picture = drawn_picture(is_ill=True, seed=3)
    first, again = (dicomize(picture, subject=NOBODY) for _ in range(2))
    other_patient = dicomize(picture, subject=LEG)
    other_picture = dicomize(picture[::-1], subject=NOBODY)

    assert first == again
    uids = {ds.SOPInstanceUID for ds in (first, other_patient, other_picture)}
    assert len(uids) == 3
    assert all(UID(uid).is_valid for uid in uids)
    assert len({first.SOPInstanceUID, first.StudyInstanceUID, first.SeriesInstanceUID}) == 3


@pytest.mark.parametrize(
    "picture",
    [np.zeros((4, 4, 3), np.uint8), np.full((4, 4), 300, np.uint16)],
    ids=["colour", "too bright"],
)
def test_what_does_not_fit_is_refused(picture: np.ndarray) -> None:
    with pytest.raises(ValueError, match="8 bits"):
        dicomize(picture, subject=NOBODY)
