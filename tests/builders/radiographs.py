"""Synthetic chest radiographs as DICOM objects: asymmetric, rows and columns differ.

A drawn thorax: two dark lungs with ribs on a bright body, a spine, a heart to the image's right, a
marker in the upper left corner; a flip, a transpose or a lost inversion changes it visibly. It is
soft enough to pass for a chest radiograph where other pictures are refused.
"""

import io
from pathlib import Path
from typing import Any

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filewriter import dcmwrite
from pydicom.uid import (
    ComputedRadiographyImageStorage,
    DigitalXRayImageStorageForPresentation,
    ExplicitVRLittleEndian,
    SecondaryCaptureImageStorage,
    generate_uid,
)
from scipy.ndimage import gaussian_filter

ROWS, COLUMNS = 300, 240
BITS_STORED = 12
WHITE = (1 << BITS_STORED) - 1


def drawn_chest(rows: int = ROWS, columns: int = COLUMNS) -> np.ndarray:
    """Phantom, (rows, columns), uint16, 12 bits, black is 0."""
    y, x = np.mgrid[0:rows, 0:columns]
    y, x = y / rows, x / columns
    body = 0.75 * np.exp(-(((x - 0.5) / 0.48) ** 8)) * (0.6 + 0.4 * y)
    for centre, width in ((0.28, 0.17), (0.72, 0.14)):
        lung = ((x - centre) / width) ** 2 + ((y - 0.47) / 0.33) ** 2 < 1
        body = np.where(lung, body * (0.35 + 0.2 * y), body)
    ribs = 0.03 * np.sin(60 * y + 3 * np.cos(5 * (x - 0.5)))
    spine = 0.25 * np.exp(-(((x - 0.5) / 0.06) ** 2))
    heart = ((x - 0.57) / 0.15) ** 2 + ((y - 0.62) / 0.16) ** 2 < 1
    body = np.where(heart, 0.8, body)
    body = gaussian_filter(body, rows / 40) + ribs + spine
    body = body.clip(0.02, 0.97)
    body[: rows // 12, : columns // 8] = 0.98
    return np.asarray(np.round(body * WHITE), dtype=np.uint16)


def radiograph(kind: str = "CR", pixels: np.ndarray | None = None, **changes: Any) -> Dataset:
    """A valid chest radiograph of a three-year-old, AP.

    Parameters
    ----------
    kind
        CR, DX or SC.
    pixels
        (rows, columns), uint16, 12 bits; the drawn chest where absent.
    changes
        Elements to set by keyword; None deletes one.
    """
    ds = _header()
    _KINDS[kind](ds)
    _add_pixels(ds, drawn_chest() if pixels is None else pixels)
    for keyword, value in changes.items():
        if value is None:
            if keyword in ds:
                delattr(ds, keyword)
        else:
            setattr(ds, keyword, value)
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.file_meta.MediaStorageSOPClassUID = ds.get("SOPClassUID", "")
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    return ds


def file_bytes(ds: Dataset) -> bytes:
    """The object as a DICOM file."""
    buffer = io.BytesIO()
    dcmwrite(buffer, ds, enforce_file_format=True)
    return buffer.getvalue()


def coded(value: str, scheme: str, meaning: str) -> Dataset:
    """One coded concept."""
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item


def _header() -> Dataset:
    ds = Dataset()
    ds.SpecificCharacterSet = "ISO_IR 100"
    ds.SOPInstanceUID = generate_uid()
    ds.StudyInstanceUID = generate_uid()
    ds.SeriesInstanceUID = generate_uid()
    ds.StudyDate = "20240131"
    ds.StudyTime = "101500"
    ds.AccessionNumber = "ACC0042"
    ds.ReferringPhysicianName = "Doe^Jane"
    ds.PatientName = "Núñez^Zoë"
    ds.PatientID = "HILUM-7"
    ds.PatientBirthDate = "20201225"
    ds.PatientSex = "F"
    ds.StudyID = "S1"
    ds.SeriesNumber = 1
    ds.InstanceNumber = 1
    ds.Manufacturer = "Phantom"
    return ds


def _cr(ds: Dataset) -> None:
    ds.SOPClassUID = ComputedRadiographyImageStorage
    ds.Modality = "CR"
    ds.BodyPartExamined = "CHEST"
    ds.ViewPosition = "AP"
    ds.PatientOrientation = ["L", "F"]
    ds.ImagerPixelSpacing = [0.2, 0.1]


def _dx(ds: Dataset) -> None:
    ds.SOPClassUID = DigitalXRayImageStorageForPresentation
    ds.Modality = "DX"
    ds.PresentationIntentType = "FOR PRESENTATION"
    ds.ImageType = ["DERIVED", "PRIMARY", ""]
    ds.ImageLaterality = "U"
    ds.AnatomicRegionSequence = [coded("816094009", "SCT", "Chest")]
    ds.PatientOrientation = ["L", "F"]
    ds.ImagerPixelSpacing = [0.2, 0.1]
    ds.DetectorType = "DIRECT"
    ds.PositionerType = "NONE"
    ds.PixelIntensityRelationship = "LOG"
    ds.PixelIntensityRelationshipSign = -1
    ds.RescaleIntercept, ds.RescaleSlope, ds.RescaleType = 0, 1, "US"
    ds.PresentationLUTShape = "IDENTITY"
    ds.LossyImageCompression = "00"
    ds.BurnedInAnnotation = "NO"
    ds.WindowCenter, ds.WindowWidth = WHITE // 2, WHITE + 1
    ds.AcquisitionContextSequence = []
    ds.ViewCodeSequence = [coded("399348003", "SCT", "antero-posterior")]
    ds.ViewCodeSequence[0].ViewModifierCodeSequence = []


def _sc(ds: Dataset) -> None:
    ds.SOPClassUID = SecondaryCaptureImageStorage
    ds.Modality = "OT"
    ds.ConversionType = "WSD"
    ds.BodyPartExamined = "CHEST"
    ds.PatientOrientation = []
    ds.ImageType = ["DERIVED", "SECONDARY"]


_KINDS = {"CR": _cr, "DX": _dx, "SC": _sc}


def _add_pixels(ds: Dataset, pixels: np.ndarray) -> None:
    ds.Rows, ds.Columns = pixels.shape
    ds.SamplesPerPixel = 1
    ds.PhotometricInterpretation = "MONOCHROME2"
    ds.BitsAllocated, ds.BitsStored, ds.HighBit = 16, BITS_STORED, BITS_STORED - 1
    ds.PixelRepresentation = 0
    ds.PixelData = pixels.astype("<u2").tobytes()


def a_chest_file(path: Path, *, seed: int = 1) -> tuple[Path, str]:
    """Write a chest radiograph of its own study; returns the file and its study's UID."""
    study = f"{generate_uid(entropy_srcs=[str(path), str(seed)])}"
    ds = radiograph(
        StudyInstanceUID=study,
        SeriesInstanceUID=f"{generate_uid(entropy_srcs=[study, 'series'])}",
        SOPInstanceUID=f"{generate_uid(entropy_srcs=[study, 'instance'])}",
    )
    path.write_bytes(file_bytes(ds))
    return path, study
