"""Turns a Kaggle folder into DICOM-like CR objects and the prepared set made from those objects."""

import io
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
from pydicom import dcmread

from inference.errors import InferenceError
from inference.pixels import read_pixels, read_raster
from inference.preprocessing import to_model_input
from training import dataset
from training.dataset import PreparedSet, as_bytes
from training.dicomize import Subject, dicomize
from training.disk import write_file
from training.errors import UnreadableImage
from training.kaggle import LabelledImage

OBJECT_FOLDER = "objects"
WHITE = 255


def prepare(
    source: Path,
    target: Path,
    *,
    seed: int,
    progress: Callable[[list[LabelledImage]], Iterable[LabelledImage]] = iter,
) -> PreparedSet:
    """Write one CR object per image, then the prepared set, read back through the serving code.

    Safe to call again: the same objects with the same UIDs are written over the old ones.

    Raises
    ------
    TrainingError
        Its message is one line that names the file or folder.
    """

    def through_dicom(image: LabelledImage) -> np.ndarray:
        encoded = encode(image)
        path = target / OBJECT_FOLDER / image.split / image.path.parent.name / f"{image.name}.dcm"
        write_file(path, encoded)
        return as_bytes(to_model_input(read_pixels(dcmread(io.BytesIO(encoded)))))

    prepared = dataset.prepare(source, seed=seed, to_bytes=through_dicom, progress=progress)
    dataset.save(prepared, target)
    return prepared


def encode(image: LabelledImage) -> bytes:
    """One image as the bytes of a DICOM file; the file name's patient key becomes the patient ID.

    Raises
    ------
    UnreadableImage
        The image cannot be decoded.
    """
    try:
        grey = read_raster(image.path.read_bytes())
    except InferenceError as error:
        raise UnreadableImage(f"{image.path}: {error}") from error
    subject = Subject(
        patient_name=f"{image.patient_key}^{image.split}",
        patient_id=f"{image.split}-{image.patient_key}",
        study_description="Kaggle chest X-ray set, not for diagnosis",
    )
    ds = dicomize((grey * WHITE).round().astype(np.uint8), subject=subject)
    stream = io.BytesIO()
    ds.save_as(stream, enforce_file_format=True)
    return stream.getvalue()
