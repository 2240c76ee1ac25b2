"""Answers `/predict`: one image that belongs to no study, DICOM or not."""

import io

import torch
from pydicom import dcmread

from archive.errors import FileDamaged, FileMissing
from archive.files import FileStore
from archive.records import ClaimedPrediction, Prediction, Refusal, SopInstanceUid
from inference.eligibility import SHORTEST_SIDE_PIXELS, has_contrast
from inference.errors import InferenceError
from inference.findings import finding_of
from inference.gate import is_stranger, strangeness_in_figures
from inference.model import Classifier
from inference.opening import UNREADABLE_FILE, open_image
from inference.pixels import read_raster
from inference.preprocessing import to_model_input
from inference.report.author import model_identity
from inference.report.refused import RefusedImage
from inference.report.words import refusal_in_words
from inference.statements import Statement

DICOM_MEDIA_TYPE = "application/dicom"
RASTER_MEDIA_TYPES = frozenset({"image/jpeg", "image/png"})


class _Refused(Exception):
    """The image gets no score."""

    def __init__(self, refusal: Refusal, detail: str = "") -> None:
        super().__init__(refusal)
        self.refusal = refusal
        self.detail = detail


def predict(claim: ClaimedPrediction, files: FileStore, classifier: Classifier) -> Prediction:
    """Score one uploaded image, or say why it gets no score; safe to repeat."""
    try:
        model_input, statements = _open(claim, files, classifier)
        probability = _probability(model_input, classifier)
    except _Refused as refused:
        return Prediction(
            model=model_identity(classifier.manifest),
            refusal=refused.refusal,
            reason=refusal_in_words(refused.refusal, refused.detail),
        )
    finding = finding_of(probability, SopInstanceUid(""), statements, classifier.manifest)
    return Prediction(
        label=finding.label,
        probability=finding.probability,
        decision_threshold=finding.decision_threshold,
        model=model_identity(classifier.manifest),
        warnings=finding.statements,
    )


def _probability(model_input: torch.Tensor, classifier: Classifier) -> float:
    scores = classifier.features_and_probabilities(model_input[None])
    if scores.strangeness is not None and is_stranger(float(scores.strangeness[0])):
        detail = strangeness_in_figures(float(scores.strangeness[0]))
        raise _Refused(Refusal.NOT_A_CHEST_RADIOGRAPH, detail)
    return float(scores.probabilities[0])


def _open(
    claim: ClaimedPrediction, files: FileStore, classifier: Classifier
) -> tuple[torch.Tensor, tuple[Statement, ...]]:
    try:
        content = files.read(claim.file_key)
    except (FileMissing, FileDamaged) as error:
        raise _Refused(Refusal.PROCESSING_FAILED, type(error).__name__) from error
    if claim.media_type == DICOM_MEDIA_TYPE:
        return _open_dicom(content, classifier)
    if claim.media_type in RASTER_MEDIA_TYPES:
        return _open_raster(content)
    raise _Refused(Refusal.PIXELS_UNREADABLE, "media type")


def _open_dicom(
    content: bytes, classifier: Classifier
) -> tuple[torch.Tensor, tuple[Statement, ...]]:
    try:
        ds = dcmread(io.BytesIO(content))
    except UNREADABLE_FILE as error:
        raise _Refused(Refusal.PIXELS_UNREADABLE) from error
    opened = open_image(ds, classifier.manifest.population)
    if isinstance(opened, RefusedImage):
        raise _Refused(opened.refusal, opened.detail)
    return opened.model_input, opened.statements


def _open_raster(content: bytes) -> tuple[torch.Tensor, tuple[Statement, ...]]:
    try:
        grey = read_raster(content)
    except InferenceError as error:
        raise _Refused(Refusal.PIXELS_UNREADABLE) from error
    if min(grey.shape) < SHORTEST_SIDE_PIXELS:
        raise _Refused(Refusal.TOO_SMALL)
    if not has_contrast(grey):
        raise _Refused(Refusal.NO_CONTRAST)
    return to_model_input(grey), (Statement.NOT_DICOM,)
