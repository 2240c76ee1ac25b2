"""What `/predict` is answered: a probability with its warnings, or why there is none."""

import io

import numpy as np
import pytest
from PIL import Image

from archive.database import Archive
from archive.records import Prediction, Refusal
from inference.worker import work_once
from tests.builders.radiographs import drawn_chest, file_bytes, radiograph
from tests.fakes.classifier import a_classifier
from tests.integration.test_worker_failures import a_bench


def raster(kind: str, pixels: np.ndarray | None = None) -> bytes:
    grey = (drawn_chest() >> 4).astype(np.uint8) if pixels is None else pixels
    buffer = io.BytesIO()
    Image.fromarray(grey).save(buffer, kind)
    return buffer.getvalue()


def answer_to(archive: Archive, content: bytes, media_type: str) -> Prediction:
    file_key = archive.files.write_upload(content)
    prediction_id = archive.repository.add_prediction(file_key=file_key, media_type=media_type)
    assert work_once(a_bench(archive, a_classifier(0.73)))
    prediction = archive.repository.prediction(prediction_id)
    assert prediction is not None
    return prediction


@pytest.mark.parametrize(("kind", "media_type"), [("JPEG", "image/jpeg"), ("PNG", "image/png")])
def test_a_picture_is_scored_with_the_warning_that_it_is_not_dicom(
    archive: Archive, kind: str, media_type: str
) -> None:
    prediction = answer_to(archive, raster(kind), media_type)
    assert prediction.probability == 0.73
    assert (prediction.label, prediction.decision_threshold) == ("pneumonia", 0.5)
    assert prediction.model is not None
    assert prediction.model.name == "pneumonia-test"
    (warning,) = prediction.warnings
    assert "not DICOM: population and view are unknown" in warning


def test_a_childs_ap_radiograph_is_scored_without_warning(archive: Archive) -> None:
    prediction = answer_to(archive, file_bytes(radiograph()), "application/dicom")
    assert (prediction.probability, prediction.warnings) == (0.73, ())


def test_an_adults_radiograph_carries_the_warning(archive: Archive) -> None:
    adult = file_bytes(radiograph(PatientBirthDate="19500101"))
    prediction = answer_to(archive, adult, "application/dicom")
    assert prediction.warnings[0].startswith("Outside the training population")


@pytest.mark.parametrize(
    ("content", "media_type", "refusal"),
    [
        (
            file_bytes(radiograph(BodyPartExamined="LEG")),
            "application/dicom",
            Refusal.WRONG_BODY_PART,
        ),
        (b"no DICOM", "application/dicom", Refusal.PIXELS_UNREADABLE),
        (raster("JPEG")[:500], "image/jpeg", Refusal.PIXELS_UNREADABLE),
        (b"", "image/png", Refusal.PIXELS_UNREADABLE),
        (raster("PNG", np.full((200, 300), 7, np.uint8)), "image/png", Refusal.NO_CONTRAST),
        (raster("PNG", np.eye(30, dtype=np.uint8) * 255), "image/png", Refusal.TOO_SMALL),
        (raster("PNG"), "image/tiff", Refusal.PIXELS_UNREADABLE),
    ],
)
def test_what_may_not_be_scored_is_refused_with_its_reason(
    archive: Archive, content: bytes, media_type: str, refusal: Refusal
) -> None:
    prediction = answer_to(archive, content, media_type)
    assert prediction.refusal is refusal
    assert prediction.probability is None
    assert prediction.reason
