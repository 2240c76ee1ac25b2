"""`/predict`: the image is put before a worker, and nothing of it stays behind."""

import pytest
from httpx2 import Response

from archive.database import Archive
from archive.records import Prediction, Refusal
from tests.web import (
    A_PREDICTION,
    DICOM_BYTES,
    JPEG_BYTES,
    PNG_BYTES,
    a_client,
    answering_worker,
    web_settings,
)


def ask(
    archive: Archive, content: bytes, *, seconds: float = 5.0, limit: int = 1 << 20
) -> Response:
    settings = web_settings(api={"predict_timeout_seconds": seconds, "maximum_upload_bytes": limit})
    response: Response = a_client(archive, settings).post(
        "/predict", files={"file": ("name", content)}
    )
    return response


@pytest.mark.parametrize(
    ("content", "word", "media_type"),
    [
        (JPEG_BYTES, "jpeg", "image/jpeg"),
        (PNG_BYTES, "png", "image/png"),
        (DICOM_BYTES, "dicom", "application/dicom"),
    ],
)
def test_an_image_gets_the_class_that_the_worker_found(
    archive: Archive, content: bytes, word: str, media_type: str
) -> None:
    read: list[bytes] = []

    def answer(claim: object) -> Prediction:
        read.append(archive.files.read(claim.file_key))  # type: ignore[attr-defined]
        return A_PREDICTION

    with answering_worker(archive, answer) as asked:
        response = ask(archive, content)
    assert response.status_code == 200
    assert response.json() == {
        "class": "PNEUMONIA",
        "probability": 0.87,
        "threshold": 0.5,
        "model": "model 1.0.0",
        "input": word,
        "warnings": ["not DICOM"],
    }
    assert [claim.media_type for claim in asked] == [media_type]
    assert read == [content]


@pytest.mark.parametrize(
    ("probability", "expected"), [(0.5, "PNEUMONIA"), (0.499, "NORMAL"), (0.0, "NORMAL")]
)
def test_the_class_follows_the_threshold(
    archive: Archive, probability: float, expected: str
) -> None:
    prediction = Prediction(
        probability=probability, decision_threshold=0.5, model=A_PREDICTION.model
    )
    with answering_worker(archive, lambda _: prediction):
        assert ask(archive, PNG_BYTES).json()["class"] == expected


def test_a_refused_image_gets_422_with_the_refusal_and_no_probability(archive: Archive) -> None:
    refused = Prediction(
        refusal=Refusal.NOT_A_CHEST_RADIOGRAPH, reason="does not look like a chest radiograph"
    )
    with answering_worker(archive, lambda _: refused):
        response = ask(archive, PNG_BYTES)
    assert response.status_code == 422
    assert response.json()["code"] == "NOT_A_CHEST_RADIOGRAPH"
    assert "probability" not in response.text


def test_without_a_worker_the_answer_is_503_with_retry_after(archive: Archive) -> None:
    response = ask(archive, PNG_BYTES, seconds=0.01)
    assert response.status_code == 503
    assert response.json()["code"] == "worker_unavailable"
    assert int(response.headers["retry-after"]) > 0


@pytest.mark.parametrize("worker_answers", [True, False])
def test_nothing_of_the_image_stays_behind(archive: Archive, worker_answers: bool) -> None:
    if worker_answers:
        with answering_worker(archive, lambda _: A_PREDICTION) as asked:
            ask(archive, PNG_BYTES)
        assert archive.files.path_of(asked[0].file_key).exists() is False
    else:
        ask(archive, PNG_BYTES, seconds=0.01)
    assert list(archive.files.list_keys("uploads")) == []
    assert archive.repository.claim_predictions("other", limit=9, lease_seconds=1) == ()


@pytest.mark.parametrize("content", [b"", b"GIF89a", b"%PDF-1.7", b"\0" * 132, b"PNG"])
def test_a_file_of_another_kind_is_415(archive: Archive, content: bytes) -> None:
    response = ask(archive, content)
    assert response.status_code == 415
    assert response.json()["code"] == "unsupported_media_type"


def test_a_file_over_the_limit_is_413(archive: Archive) -> None:
    response = ask(archive, PNG_BYTES + b"x" * 2000, limit=2000)
    assert response.status_code == 413


def test_a_form_without_the_file_is_422_and_names_the_field(archive: Archive) -> None:
    response = a_client(archive).post("/predict", files={"image": ("x.png", PNG_BYTES)})
    assert response.status_code == 422
    assert response.json()["errors"][0]["location"] == "body.file"


def test_a_text_field_in_place_of_the_file_is_422(archive: Archive) -> None:
    response = a_client(archive).post("/predict", data={"file": "text"}, files={"x": b""})
    assert response.status_code == 422


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("multipart/form-data", b""),
        ("multipart/form-data; boundary=b", b"nonsense"),
        ("multipart/form-data; boundary=b", b"--b\r\nContent-Disposition: x\r\n\r\n\r\n--b--\r\n"),
    ],
)
def test_a_broken_multipart_body_is_400(archive: Archive, content_type: str, body: bytes) -> None:
    response = a_client(archive).post(
        "/predict", content=body, headers={"content-type": content_type}
    )
    assert response.status_code in (400, 422)
    assert response.headers["content-type"] == "application/problem+json"


def test_more_questions_than_slots_are_turned_away_at_once(archive: Archive) -> None:
    client = a_client(archive)
    slots = client.app.state.context.prediction_slots  # type: ignore[attr-defined]
    while slots.acquire(blocking=False):
        pass
    response = client.post("/predict", files={"file": ("x", PNG_BYTES)})
    assert response.status_code == 503
    assert response.json()["code"] == "busy"
