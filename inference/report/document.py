"""The header around a content tree, the same for every SR that we make (PS3.3 A.35.13).

Everything here is UNVERIFIED and PRELIMINARY; `review.py` alone makes VERIFIED documents.
"""

import io
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from highdicom.sr.value_types import ContainerContentItem
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filewriter import dcmwrite
from pydicom.uid import UID, Comprehensive3DSRStorage, ExplicitVRLittleEndian

from inference import header
from inference.report import codes, words
from inference.report.author import MANUFACTURER, Author
from inference.report.content import mark_as_ours
from inference.report.evidence import (
    CHARACTER_SET,
    LONGEST_LO,
    ObjectReference,
    hierarchy,
    patient_and_study,
    request,
)
from inference.report.uids import Kind, of_model

SERIES_NUMBER = 9901
IMPLEMENTATION_CLASS_UID = UID("2.25.241196402413410174286158519116190871569")
IMPLEMENTATION_VERSION_NAME = "HILUM"
_OFFSET_SIGNS = {"+": 1, "-": -1}


@dataclass(frozen=True, kw_only=True)
class Placement:
    """Where a document belongs, what it speaks of and what it replaces."""

    source: Dataset
    """Header of the received object that gives patient, study and order."""
    received: tuple[ObjectReference, ...]
    """Every received object of the study."""
    made: tuple[ObjectReference, ...] = ()
    """Every object of ours that the tree refers to."""
    predecessor: ObjectReference | None = None
    """Our earlier document on this study that this one replaces."""
    made_at: datetime
    """Aware; the content date and time."""


def document(
    content: ContainerContentItem,
    placement: Placement,
    author: Author,
    *,
    kind: Kind,
    variant: Iterable[str] = (),
) -> Dataset:
    """Put a content tree into a document of its own.

    Parameters
    ----------
    kind, variant
        With the received objects, the model and the document that is followed they make the SOP
        Instance UID: a repeat makes the same one.
    """
    ds = patient_and_study(placement.source)
    received = [reference.key.sop_instance_uid for reference in placement.received]
    made_from = [str(ds.StudyInstanceUID), *received, *variant, "|".join(author.form)]
    if placement.predecessor is not None:
        made_from.append(f"follows {placement.predecessor.key.sop_instance_uid}")
    ds.SOPClassUID = Comprehensive3DSRStorage
    ds.SOPInstanceUID = of_model(kind, author.model, made_from)
    ds.SpecificCharacterSet = CHARACTER_SET
    ds.SeriesInstanceUID = of_model(
        Kind.SERIES_OF_REPORTS, author.model, [str(ds.StudyInstanceUID)]
    )
    ds.SeriesNumber = SERIES_NUMBER
    ds.SeriesDescription = words.SERIES_DESCRIPTION[author.language]
    ds.InstanceNumber = len(received)
    ds.Modality = "SR"
    ds.CompletionFlag = "COMPLETE"
    ds.VerificationFlag = "UNVERIFIED"
    ds.PreliminaryFlag = "PRELIMINARY"
    add_times(ds, placement.source, placement.made_at)
    add_equipment(ds, author)
    _add_references(ds, placement, author)
    ds.update(content)
    ds.file_meta = file_meta(ds)
    return ds


def encode(ds: Dataset) -> bytes:
    """Bytes of a document or image as a DICOM file (PS3.10)."""
    buffer = io.BytesIO()
    if "PixelData" not in ds:  # its VR is ambiguous until it is written (PS3.5 Annex A.2)
        mark_as_ours(ds)
    dcmwrite(buffer, ds, enforce_file_format=True)
    return buffer.getvalue()


def add_times(ds: Dataset, source: Dataset, made_at: datetime) -> None:
    """Date our object in the zone of the study's own times: one offset rules all (C.12.1)."""
    local = made_at.astimezone(_study_zone(source))
    ds.ContentDate = ds.InstanceCreationDate = ds.SeriesDate = local.strftime("%Y%m%d")
    ds.ContentTime = ds.InstanceCreationTime = ds.SeriesTime = local.strftime("%H%M%S")
    ds.TimezoneOffsetFromUTC = local.strftime("%z")[:5]


def _study_zone(source: Dataset) -> timezone | None:
    """Zone that the received object names; None, the machine's own, where it names none."""
    offset = header.text(source, "TimezoneOffsetFromUTC")
    sign = _OFFSET_SIGNS.get(offset[:1])
    if sign is None or len(offset) != 5 or not offset[1:].isdecimal():
        return None
    away = timedelta(hours=int(offset[1:3]), minutes=int(offset[3:]))
    return timezone(sign * away) if away <= timedelta(hours=14) else None


def add_equipment(ds: Dataset, author: Author) -> None:
    """Name the device: Enhanced General (C.7.5.2) and Contributing Equipment (C.12.1)."""
    for item in (ds, contributor := Dataset()):
        item.Manufacturer = MANUFACTURER
        item.ManufacturerModelName = author.model.name[:LONGEST_LO]
        item.DeviceSerialNumber = author.device_serial_number
        item.SoftwareVersions = [author.software_version, author.model.version]
        if author.institution_name:
            item.InstitutionName = author.institution_name[:LONGEST_LO]
    ds.DeviceUID = author.device_uid
    contributor.PurposeOfReferenceCodeSequence = [codes.PROCESSING_EQUIPMENT]
    contributor.ContributionDescription = (
        f"Classifier, weights SHA-256 {author.model.weights_sha256}"
    )
    ds.ContributingEquipmentSequence = [contributor]


def _add_references(ds: Dataset, placement: Placement, author: Author) -> None:
    """Refer as SR Document General does (C.17.2): evidence, order, procedure, predecessor."""
    ds.CurrentRequestedProcedureEvidenceSequence = hierarchy([*placement.received, *placement.made])
    ds.ReferencedRequestSequence = [request(placement.source)]
    procedure = author.procedure
    ds.PerformedProcedureCodeSequence = [
        procedure.concept if procedure else codes.PLAIN_CHEST_RADIOGRAPHY
    ]
    ds.ReferencedPerformedProcedureStepSequence = []
    if placement.predecessor is not None:
        ds.PredecessorDocumentsSequence = hierarchy([placement.predecessor])


def file_meta(ds: Dataset) -> FileMetaDataset:
    """Make the file meta of an object of ours (PS3.10 7.1)."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = ds.SOPClassUID
    meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = IMPLEMENTATION_CLASS_UID
    meta.ImplementationVersionName = IMPLEMENTATION_VERSION_NAME
    return meta
