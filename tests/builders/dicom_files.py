"""Small CR and DX objects as files: drawn, asymmetric, of nobody."""

from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import (
    UID,
    ComputedRadiographyImageStorage,
    DigitalXRayImageStorageForPresentation,
    ExplicitVRLittleEndian,
    generate_uid,
)

STUDY_UID = "1.2.826.0.1.3680043.8.498.1"
SERIES_UID = "1.2.826.0.1.3680043.8.498.1.1"


def radiograph(
    *,
    sop_class_uid: str = ComputedRadiographyImageStorage,
    transfer_syntax_uid: str = ExplicitVRLittleEndian,
    rows: int = 40,
    columns: int = 56,
    **elements: Any,
) -> FileDataset:
    """A CR (or DX) of 16-bit pixels with a bright mark in the upper left corner.

    `elements` are set by keyword; None removes one. Each call makes a new SOP Instance UID.
    """
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = UID(transfer_syntax_uid)
    ds = FileDataset(
        "",
        {},
        file_meta=meta,
        preamble=b"\0" * 128,
        is_implicit_VR=meta.TransferSyntaxUID.is_implicit_VR,
        is_little_endian=meta.TransferSyntaxUID.is_little_endian,
    )
    ds.SOPClassUID = sop_class_uid
    ds.SOPInstanceUID = generate_uid()
    ds.StudyInstanceUID = STUDY_UID
    ds.SeriesInstanceUID = SERIES_UID
    is_dx = sop_class_uid != ComputedRadiographyImageStorage
    ds.Modality = "DX" if is_dx else "CR"
    ds.PatientName = "Test^Drawn"
    ds.PatientID = "DRAWN-1"
    ds.PatientBirthDate = "20200101"
    ds.PatientSex = "O"
    ds.StudyDate = "20260102"
    ds.StudyTime = "101112"
    ds.AccessionNumber = "A1"
    ds.BodyPartExamined = "CHEST"
    ds.ViewPosition = "PA"
    _set_pixels(ds, rows, columns)
    for keyword, value in elements.items():
        if value is None:
            delattr(ds, keyword)
        else:
            setattr(ds, keyword, value)
    meta.MediaStorageSOPClassUID = ds.get("SOPClassUID", sop_class_uid)
    meta.MediaStorageSOPInstanceUID = ds.get("SOPInstanceUID", generate_uid())
    return ds


def dx(**elements: Any) -> FileDataset:
    """A DX For Presentation."""
    return radiograph(sop_class_uid=DigitalXRayImageStorageForPresentation, **elements)


def file_bytes(ds: FileDataset) -> bytes:
    """The object as a DICOM file."""
    buffer = BytesIO()
    ds.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def written(ds: FileDataset, folder: Path, name: str = "") -> Path:
    """The object as a DICOM file in `folder`."""
    path = folder / (name or f"{ds.file_meta.MediaStorageSOPInstanceUID}.dcm")
    path.write_bytes(file_bytes(ds))
    return path


def _set_pixels(ds: FileDataset, rows: int, columns: int) -> None:
    order = "<" if ds.file_meta.TransferSyntaxUID.is_little_endian else ">"
    pixels = np.linspace(0, 3000, rows * columns).astype(f"{order}u2").reshape(rows, columns)
    pixels[: rows // 4, : columns // 4] = 4095
    ds.SamplesPerPixel = 1
    ds.PhotometricInterpretation = "MONOCHROME2"
    ds.Rows, ds.Columns = rows, columns
    ds.BitsAllocated, ds.BitsStored, ds.HighBit = 16, 12, 11
    ds.PixelRepresentation = 0
    ds.PixelData = pixels.tobytes()
