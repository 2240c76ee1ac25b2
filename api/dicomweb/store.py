"""STOW-RS: objects come in by the same door as with C-STORE (PS3.18 10.5)."""

import io
from collections.abc import Iterable
from dataclasses import dataclass

from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError
from pydicom.filereader import dcmread
from pydicom.sequence import Sequence
from pydicom.uid import UID

from api.dicomweb.search import Json, as_json
from archive.database import Archive
from archive.records import Recorded
from dicom_node.errors import ObjectRefused
from dicom_node.incoming import Heading, IncomingDataSet, ReceivedFile
from dicom_node.intake import Command
from dicom_node.reception import Sender, examine, keep
from dicom_node.statuses import StoreStatus

SENDER = "STOW-RS"
STORED, STORED_IN_PART, REFUSED = 200, 202, 409
# Preamble, prefix, and the element that says how long the rest of the file meta is.
BEFORE_META_BYTES = 144
# What pydicom raises on what is no DICOM file.
UNREADABLE = (
    InvalidDicomError,
    AttributeError,
    LookupError,
    OSError,
    TypeError,
    ValueError,
    EOFError,
)


@dataclass(frozen=True, kw_only=True)
class Stored:
    """What came of one object."""

    sop_class_uid: str
    sop_instance_uid: str
    study_uid: str
    status: StoreStatus


def store(
    contents: Iterable[bytes],
    archive: Archive,
    *,
    study_uid: str,
    called_ae_title: str,
    minimum_free_bytes: int,
) -> list[Stored]:
    """Keep DICOM files; on return what is called stored is durable. Repeating is safe.

    Parameters
    ----------
    contents
        Whole files (PS3.10).
    archive
        Where they go.
    study_uid
        The study of the address; objects of others are refused. Empty: any.
    called_ae_title
        Our own, for the record.
    minimum_free_bytes
        Below this nothing is taken.
    """
    sender = Sender(calling_ae_title=SENDER, called_ae_title=called_ae_title)
    return [
        _store_one(content, archive, sender, study_uid, minimum_free_bytes) for content in contents
    ]


def answer(stored: list[Stored], address: str) -> tuple[int, Json]:
    """Return the HTTP status and the DICOM JSON of what was stored (PS3.18 table 10.5.3-1)."""
    kept = [one for one in stored if one.status is StoreStatus.SUCCESS]
    failed = [one for one in stored if one.status is not StoreStatus.SUCCESS]
    ds = Dataset()
    if kept:
        ds.RetrieveURL = f"{address}/studies/{kept[0].study_uid}"
        ds.ReferencedSOPSequence = Sequence([_reference(one, address) for one in kept])
    if failed:
        ds.FailedSOPSequence = Sequence([_failure(one) for one in failed])
    if not kept:
        return REFUSED, as_json(ds)
    return (STORED_IN_PART if failed else STORED), as_json(ds)


def _store_one(
    content: bytes, archive: Archive, sender: Sender, study_uid: str, minimum_free_bytes: int
) -> Stored:
    try:
        heading, offset = _heading(content)
    except UNREADABLE:
        return Stored(
            sop_class_uid="",
            sop_instance_uid="",
            study_uid="",
            status=StoreStatus.CANNOT_UNDERSTAND,
        )
    incoming = IncomingDataSet(
        archive.files, minimum_free_bytes=minimum_free_bytes, heading=heading
    )
    kept_study, status = "", StoreStatus.SUCCESS
    try:
        incoming.write(content[offset:])
        kept_study = _keep(incoming.finish(), archive, sender, study_uid)
    except ObjectRefused as refusal:
        status = refusal.status
    finally:
        incoming.discard()
    return Stored(
        sop_class_uid=heading.command.sop_class_uid,
        sop_instance_uid=heading.command.sop_instance_uid,
        study_uid=kept_study,
        status=status,
    )


def _heading(content: bytes) -> tuple[Heading, int]:
    """Return what the file meta says, and where the data set begins (PS3.10 7.1)."""
    # Without a data set nothing is parsed that intake would not parse again.
    meta = dcmread(io.BytesIO(content), specific_tags=[], stop_before_pixels=True).file_meta
    heading = Heading(
        command=Command(
            sop_class_uid=str(meta.MediaStorageSOPClassUID),
            sop_instance_uid=str(meta.MediaStorageSOPInstanceUID),
        ),
        transfer_syntax=UID(str(meta.TransferSyntaxUID)),
    )
    return heading, BEFORE_META_BYTES + int(meta.FileMetaInformationGroupLength)


def _keep(file: ReceivedFile, archive: Archive, sender: Sender, study_uid: str) -> str:
    """Keep a file by the door of C-STORE; returns its study.

    Raises
    ------
    ObjectRefused
        Nothing was kept, or it was kept apart because its UID stands for another object.
    """
    admission = examine(file)
    if study_uid and admission.key.study_uid != study_uid:
        raise ObjectRefused(StoreStatus.DATA_SET_MISMATCH, "belongs to another study")
    kept = keep(file, sender, archive, admission)
    if kept.recorded is Recorded.CONFLICT:
        raise ObjectRefused(StoreStatus.DUPLICATE_INSTANCE, "this UID stands for another object")
    return admission.key.study_uid


def _reference(one: Stored, address: str) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID = one.sop_class_uid
    item.ReferencedSOPInstanceUID = one.sop_instance_uid
    item.RetrieveURL = f"{address}/studies/{one.study_uid}"
    return item


def _failure(one: Stored) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID = one.sop_class_uid
    item.ReferencedSOPInstanceUID = one.sop_instance_uid
    item.FailureReason = int(one.status)
    return item
