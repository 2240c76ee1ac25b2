"""Wraps a plain picture into a DICOM-like radiograph object that dciodvfy has nothing against."""

import hashlib
from dataclasses import dataclass
from datetime import date

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    ComputedRadiographyImageStorage,
    DigitalXRayImageStorageForPresentation,
    ExplicitVRLittleEndian,
)

BIT_DEPTHS = (8, 12)
# Under 2.25 a UID may be made from any 128 bits that look like a UUID, PS3.5 B.2.
UUID_ROOT = "2.25"


@dataclass(frozen=True, kw_only=True)
class Subject:
    """Who and what a made-up study is about; empty strings are written as empty elements."""

    patient_name: str
    patient_id: str
    patient_birth_date: date | None = None
    patient_age_years: int | None = None
    patient_sex: str = ""
    study_date: date = date(2020, 1, 1)
    accession_number: str = ""
    study_description: str = ""
    body_part: str = "CHEST"
    view_position: str = "AP"
    laterality: str = ""  # must be empty for an unpaired part such as the chest


def derived_uid(*sources: str) -> str:
    """Make a UID that is the same whenever it is made from the same sources."""
    digest = hashlib.sha256("\n".join(sources).encode()).digest()
    return f"{UUID_ROOT}.{int.from_bytes(digest[:16], 'big')}"


def dicomize(
    image: np.ndarray,
    *,
    subject: Subject,
    sop_class_uid: str = ComputedRadiographyImageStorage,
    bits_stored: int = 8,
    instance_number: int = 1,
) -> Dataset:
    """Make a CR (or DX For Presentation) object with file meta information, ready to save.

    Parameters
    ----------
    image
        (rows, columns), uint8 or uint16 grey values below 2 ** `bits_stored`, black is 0.
    bits_stored
        8 or 12.

    Raises
    ------
    ValueError
        The picture is not a two-dimensional array of that many bits.

    References
    ----------
    PS3.3 A.2 (CR), A.26 (DX); what dciodvfy asks for was found by leaving out one attribute at a
    time.
    """
    if image.ndim != 2 or bits_stored not in BIT_DEPTHS or int(image.max()) >> bits_stored:
        raise ValueError(f"expected rows x columns of {bits_stored} bits, got {image.shape}")
    pixels = np.ascontiguousarray(image, dtype=np.uint8 if bits_stored == 8 else "<u2")
    content = hashlib.sha256(repr((pixels.shape, bits_stored)).encode() + pixels.tobytes())
    ds = Dataset()
    _identify(ds, subject, sop_class_uid, content.hexdigest())
    _describe(ds, subject, instance_number)
    _add_pixels(ds, pixels, bits_stored)
    if sop_class_uid == DigitalXRayImageStorageForPresentation:
        _make_digital(ds)
    ds.file_meta = FileMetaDataset()
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return ds


def _identify(ds: Dataset, subject: Subject, sop_class_uid: str, content: str) -> None:
    sources = (sop_class_uid, subject.patient_id, subject.study_date.isoformat(), content)
    ds.SOPClassUID = sop_class_uid
    ds.SOPInstanceUID = derived_uid("instance", *sources)
    ds.StudyInstanceUID = derived_uid("study", *sources)
    ds.SeriesInstanceUID = derived_uid("series", *sources)
    ds.PatientName = subject.patient_name
    ds.PatientID = subject.patient_id
    ds.PatientBirthDate = _as_da(subject.patient_birth_date)
    ds.PatientSex = subject.patient_sex
    if subject.patient_age_years is not None:
        ds.PatientAge = f"{subject.patient_age_years:03d}Y"
    ds.AccessionNumber = subject.accession_number
    ds.ReferringPhysicianName = ""
    ds.StudyID = content[:8]
    ds.StudyDate = _as_da(subject.study_date)
    ds.StudyTime = "120000"
    if subject.study_description:
        ds.StudyDescription = subject.study_description


def _as_da(day: date | None) -> str:
    return f"{day:%Y%m%d}" if day else ""


def _describe(ds: Dataset, subject: Subject, instance_number: int) -> None:
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.Modality = "CR"
    ds.Manufacturer = "Hilum"
    ds.ManufacturerModelName = "Hilum picture to DICOM"
    ds.ImageType = ["DERIVED", "PRIMARY"]
    ds.SeriesNumber = 1
    ds.InstanceNumber = instance_number
    ds.BodyPartExamined = subject.body_part
    ds.ViewPosition = subject.view_position
    if subject.laterality:
        ds.Laterality = subject.laterality
    ds.PatientOrientation = ["L", "F"]


def _add_pixels(ds: Dataset, pixels: np.ndarray, bits_stored: int) -> None:
    ds.SamplesPerPixel = 1
    ds.PhotometricInterpretation = "MONOCHROME2"
    ds.Rows, ds.Columns = pixels.shape
    ds.BitsAllocated = 8 * pixels.itemsize
    ds.BitsStored = bits_stored
    ds.HighBit = bits_stored - 1
    ds.PixelRepresentation = 0
    # LINEAR maps centre - width / 2 to black and centre + width / 2 - 1 to white, C.11.2.1.2.
    ds.WindowCenter = 2 ** (bits_stored - 1)
    ds.WindowWidth = 2**bits_stored
    ds.PixelData = pixels.tobytes() + b"\0" * (pixels.nbytes % 2)
    ds["PixelData"].VR = "OB" if pixels.itemsize == 1 else "OW"


def _make_digital(ds: Dataset) -> None:
    """Turn the CR into a DX For Presentation, PS3.3 A.26."""
    ds.Modality = "DX"
    ds.ImageType = ["DERIVED", "PRIMARY", ""]
    ds.PresentationIntentType = "FOR PRESENTATION"
    ds.ImageLaterality = "U"
    ds.AnatomicRegionSequence = Sequence([_code("816094009", "Chest")])
    ds.ViewCodeSequence = Sequence([_code("399348003", "antero-posterior")])
    ds.ViewCodeSequence[0].ViewModifierCodeSequence = Sequence()
    ds.ImagerPixelSpacing = [0.2, 0.2]
    ds.DetectorType = ""
    ds.PositionerType = ""
    ds.PixelIntensityRelationship = "LOG"
    ds.PixelIntensityRelationshipSign = -1
    ds.RescaleIntercept = 0
    ds.RescaleSlope = 1
    ds.RescaleType = "US"
    ds.PresentationLUTShape = "IDENTITY"
    ds.LossyImageCompression = "00"
    ds.BurnedInAnnotation = "NO"
    ds.AcquisitionContextSequence = Sequence()


def _code(value: str, meaning: str) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, "SCT", meaning
    return item
