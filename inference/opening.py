"""From stored files to model inputs: reads a study's objects, sorts out the refused.

A flaw of one object never reaches another study: it ends here as a refusal with its reason.
"""

import io
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np
import torch
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError

from archive.errors import FileDamaged, FileMissing
from archive.files import FileStore
from archive.records import ClaimedStudy, Instance, Refusal, StudyAttributes, StudyUid
from inference import header
from inference.bundle import Population
from inference.eligibility import examine, has_contrast
from inference.errors import InferenceError
from inference.pixels import read_pixels
from inference.preprocessing import to_model_input
from inference.report.evidence import ObjectReference, bare_header
from inference.report.refused import RefusedImage
from inference.statements import Statement

WHITE = 255
UNREADABLE_FILE = (InvalidDicomError, EOFError, OSError, *header.MALFORMED)


@dataclass(frozen=True, kw_only=True)
class OpenedImage:
    """One image that may be scored."""

    source: Dataset
    """Header of the received object, without pixels."""
    statements: tuple[Statement, ...]
    grey: np.ndarray
    """Displayed grey values, (rows, columns), uint8, black is 0; to draw on, not to score."""
    model_input: torch.Tensor
    """(1, 224, 224)."""


@dataclass(frozen=True, kw_only=True)
class OpenedStudy:
    """A claimed study with its objects read."""

    claim: ClaimedStudy
    images: tuple[OpenedImage, ...] = ()
    refused: tuple[RefusedImage, ...] = field(default=())


def open_study(
    claim: ClaimedStudy,
    files: FileStore,
    population: Population,
    attributes_of: Callable[[StudyUid], StudyAttributes],
) -> OpenedStudy:
    """Read every object of a study; safe to repeat, changes nothing.

    Parameters
    ----------
    attributes_of
        Gives what was recorded of a study on arrival; asked only when a file cannot be read.
    """
    opened = [_open(one, files, population, attributes_of) for one in claim.instances]
    images = tuple(one for one in opened if isinstance(one, OpenedImage))
    refused = tuple(one for one in opened if isinstance(one, RefusedImage))
    if _names_several_patients(one.source for one in opened):
        mixed = [_mixed_up(one.source) for one in opened]
        return OpenedStudy(claim=claim, refused=tuple(mixed))
    return OpenedStudy(claim=claim, images=images, refused=refused)


def _open(
    instance: Instance,
    files: FileStore,
    population: Population,
    attributes_of: Callable[[StudyUid], StudyAttributes],
) -> OpenedImage | RefusedImage:
    reference = ObjectReference(key=instance.key, sop_class_uid=instance.sop_class_uid)
    try:
        file = io.BytesIO(files.read(instance.file_key, sha256=instance.file_sha256))
    except (FileMissing, FileDamaged) as error:
        source = bare_header(reference, attributes_of(instance.key.study_uid))
        return RefusedImage(
            source=source, refusal=Refusal.PROCESSING_FAILED, detail=type(error).__name__
        )
    try:
        with file:  # closed, it gives its bytes back
            ds = dcmread(file)
        names_itself = _names_itself(ds, reference)
    except UNREADABLE_FILE:
        names_itself = False
    if not names_itself:
        source = bare_header(reference, attributes_of(instance.key.study_uid))
        return RefusedImage(source=source, refusal=Refusal.PIXELS_UNREADABLE)
    return open_image(ds, population)


def open_image(ds: Dataset, population: Population) -> OpenedImage | RefusedImage:
    """Judge an image and, if it may be scored, read its pixels; takes them out of `ds`."""
    verdict = examine(ds, population)
    if verdict.refusal is not None:
        return RefusedImage(
            source=without_pixels(ds), refusal=verdict.refusal, detail=verdict.detail
        )
    try:
        grey = read_pixels(ds)
    except InferenceError:
        return RefusedImage(source=without_pixels(ds), refusal=Refusal.PIXELS_UNREADABLE)
    if not has_contrast(grey):
        return RefusedImage(source=without_pixels(ds), refusal=Refusal.NO_CONTRAST)
    model_input = to_model_input(grey)
    grey *= WHITE  # in its place: another large array is what a worker's memory is measured by
    return OpenedImage(
        source=without_pixels(ds),
        statements=verdict.statements,
        grey=grey.astype(np.uint8),
        model_input=model_input,
    )


def without_pixels(ds: Dataset) -> Dataset:
    """Return the data set without its pixels, so that a batch of headers stays small."""
    for keyword in ("PixelData", "FloatPixelData", "DoubleFloatPixelData"):
        if keyword in ds:
            delattr(ds, keyword)
    return ds


def _names_itself(ds: Dataset, reference: ObjectReference) -> bool:
    """Tell whether the file is the object that was recorded: class, instance, series, study."""
    key = reference.key
    return (
        header.text(ds, "SOPClassUID") == reference.sop_class_uid
        and header.text(ds, "SOPInstanceUID") == key.sop_instance_uid
        and header.text(ds, "SeriesInstanceUID") == key.series_uid
        and header.text(ds, "StudyInstanceUID") == key.study_uid
    )


def _names_several_patients(sources: Iterable[Dataset]) -> bool:
    named = {header.text(source, "PatientID") for source in sources}
    return len(named - {""}) > 1


def _mixed_up(source: Dataset) -> RefusedImage:
    return RefusedImage(
        source=source, refusal=Refusal.PROCESSING_FAILED, detail="PatientID differs in the study"
    )
