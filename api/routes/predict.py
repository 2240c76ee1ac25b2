"""`POST /predict`: one image in, one class out; for compatibility with simple classifiers.

The image goes to the worker through the archive, takes the same way through decoding and
preprocessing as a received study, belongs to no study, and is deleted again.
"""

import time
from typing import Annotated

from fastapi import APIRouter, Depends

from api.auth.access import allow
from api.auth.principal import Principal
from api.dependencies import Context, InContext
from api.errors import ImageRefused, PartUnavailable
from api.problems import problem_responses
from api.schemas import ImageKind, PredictionAnswer
from api.uploads import MEDIA_TYPES, REQUEST_BODY, Upload, uploaded_image
from archive.account_records import Scope
from archive.records import Prediction

FIRST_POLL_SECONDS = 0.01
LONGEST_POLL_SECONDS = 0.1

router = APIRouter(tags=["predict"])


@router.post(
    "/predict",
    operation_id="predict",
    summary="Classify one image",
    openapi_extra={"requestBody": REQUEST_BODY},
    responses=problem_responses(
        400,
        401,
        403,
        413,
        415,
        422,
        503,
        _400="The body is not well-formed multipart.",
        _413="The file is larger than `api.maximum_upload_bytes`.",
        _415="The file is neither JPEG, PNG nor DICOM.",
        _422="There is no file, or the image is not scored; `code` is the refusal.",
        _503="No worker answers now; see Retry-After.",
    ),
)
def predict(
    context: InContext,
    _principal: Annotated[Principal, Depends(allow(scope=Scope.PREDICT))],
    upload: Annotated[Upload, Depends(uploaded_image)],
) -> PredictionAnswer:
    """Return the class of one radiograph; nothing of it is kept."""
    if not context.prediction_slots.acquire(blocking=False):
        raise PartUnavailable("too many images wait for the model already", code="busy")
    try:
        prediction = _asked(context, upload)
    finally:
        context.prediction_slots.release()
    return _answer(prediction, upload.kind)


def _asked(context: Context, upload: Upload) -> Prediction:
    """Put the image before a worker and wait; leave nothing behind in any case."""
    repository, files = context.archive.repository, context.archive.files
    file_key = files.write_upload(upload.content)
    try:
        prediction_id = repository.add_prediction(
            file_key=file_key, media_type=MEDIA_TYPES[upload.kind]
        )
        try:
            return _awaited(context, prediction_id)
        finally:
            repository.drop_prediction(prediction_id)
    finally:
        files.delete(file_key)


def _awaited(context: Context, prediction_id: str) -> Prediction:
    deadline = time.monotonic() + context.settings.api.predict_timeout_seconds
    pause = FIRST_POLL_SECONDS
    while time.monotonic() < deadline:
        prediction = context.archive.repository.prediction(prediction_id)
        if prediction is not None:
            return prediction
        time.sleep(pause)
        pause = min(pause * 1.5, LONGEST_POLL_SECONDS)
    raise PartUnavailable("no worker answered in time", code="worker_unavailable")


def _answer(prediction: Prediction, kind: ImageKind) -> PredictionAnswer:
    if prediction.refusal is not None:
        raise ImageRefused(prediction.reason, code=prediction.refusal.value)
    probability, threshold, model = (
        prediction.probability,
        prediction.decision_threshold,
        prediction.model,
    )
    if probability is None or threshold is None or model is None:
        raise PartUnavailable("the worker gave no probability", code="worker_failed")
    return PredictionAnswer(
        predicted_class="PNEUMONIA" if probability >= threshold else "NORMAL",
        probability=probability,
        threshold=threshold,
        model=f"{model.name} {model.version}",
        input=kind,
        warnings=list(prediction.warnings),
    )
