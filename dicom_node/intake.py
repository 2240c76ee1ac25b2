"""Judges a received header: acceptable? under which keys? what was tolerated? Pure, no I/O.

Tolerant on input: only what makes an object unplaceable refuses it; every other flaw is noted in
words without patient data and left to the worker's eligibility.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from pydicom.dataset import Dataset
from pydicom.errors import BytesLengthException
from pydicom.uid import (
    ComputedRadiographyImageStorage,
    DigitalXRayImageStorageForPresentation,
    DigitalXRayImageStorageForProcessing,
    SecondaryCaptureImageStorage,
)

from archive.errors import UidInvalid
from archive.files import check_uid
from archive.records import InstanceKey, SeriesUid, SopInstanceUid, StudyAttributes, StudyUid
from dicom_node.errors import ObjectRefused
from dicom_node.plain_text import plain_text
from dicom_node.statuses import StoreStatus

Value = TypeVar("Value")

ACCEPTED_SOP_CLASSES = (
    ComputedRadiographyImageStorage,
    DigitalXRayImageStorageForPresentation,
    DigitalXRayImageStorageForProcessing,
    SecondaryCaptureImageStorage,
)

# Requested Procedure Priority (0040,1003): PS3.3 C.4.11; Study Priority ID (0032,000C), retired.
ROUTINE, HIGH, STAT = 0, 1, 2
_PRIORITIES = {"STAT": STAT, "HIGH": HIGH}

_ATTRIBUTES = {
    "patient_name": "PatientName",
    "patient_id": "PatientID",
    "patient_birth_date": "PatientBirthDate",
    "patient_sex": "PatientSex",
    "accession_number": "AccessionNumber",
    "study_date": "StudyDate",
    "study_time": "StudyTime",
    "study_description": "StudyDescription",
}
_LONGEST_TEXT = 256

HEADER_TAGS = (
    "SpecificCharacterSet",
    "SOPClassUID",
    "SOPInstanceUID",
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "Modality",
    "StudyPriorityID",
    "RequestedProcedurePriority",
    "RequestAttributesSequence",
    *_ATTRIBUTES.values(),
)
"""What has to be read of a header; all of it stands before the pixels."""


@dataclass(frozen=True, kw_only=True)
class Command:
    """What the C-STORE request says of its data set (PS3.7 9.3.1.1)."""

    sop_class_uid: str
    sop_instance_uid: str


@dataclass(frozen=True, kw_only=True)
class Admission:
    """An acceptable object: where it belongs and what was tolerated."""

    key: InstanceKey
    modality: str
    attributes: StudyAttributes
    priority: int
    flaws: tuple[str, ...]


def check_command(command: Command) -> None:
    """Do nothing if the request may be served; nothing is written before this.

    Raises
    ------
    ObjectRefused
        0x0117 for a UID against PS3.5 9.1 (which is what a path in a UID is), 0x0122 for a SOP
        class that was never offered.
    """
    _check_uid(command.sop_instance_uid, "SOP Instance UID")
    if command.sop_class_uid not in ACCEPTED_SOP_CLASSES:
        raise ObjectRefused(StoreStatus.CLASS_NOT_SUPPORTED, "SOP class is not taken here")


def admit(header: Dataset, command: Command) -> Admission:
    """Judge a header against the request that brought it.

    Raises
    ------
    ObjectRefused
        0xA900 when SOP class or instance differ from the request's, 0xC000 when study or series
        are missing, 0x0117 when their UIDs break PS3.5 9.1.
    """
    flaws: list[str] = []
    _check_identity(header, command)
    key = InstanceKey(
        study_uid=StudyUid(_place_uid(header, "StudyInstanceUID")),
        series_uid=SeriesUid(_place_uid(header, "SeriesInstanceUID")),
        sop_instance_uid=SopInstanceUid(command.sop_instance_uid),
    )
    modality = _text(header, "Modality", flaws)[:16]
    if not modality:
        flaws.append("Modality is missing")
    return Admission(
        key=key,
        modality=modality,
        attributes=StudyAttributes(
            **{name: _text(header, keyword, flaws) for name, keyword in _ATTRIBUTES.items()}
        ),
        priority=_priority(header, flaws),
        flaws=tuple(flaws),
    )


def _check_identity(header: Dataset, command: Command) -> None:
    pairs = (
        ("SOPClassUID", command.sop_class_uid),
        ("SOPInstanceUID", command.sop_instance_uid),
    )
    for keyword, affected in pairs:
        found = _uid(header, keyword)
        if not found:
            raise ObjectRefused(StoreStatus.CANNOT_UNDERSTAND, f"{keyword} is missing")
        if found != affected:
            raise ObjectRefused(
                StoreStatus.DATA_SET_MISMATCH, f"{keyword} differs from the request's"
            )


def _place_uid(header: Dataset, keyword: str) -> str:
    uid = _uid(header, keyword)
    if not uid:
        raise ObjectRefused(StoreStatus.CANNOT_UNDERSTAND, f"{keyword} is missing")
    _check_uid(uid, keyword)
    return uid


def _check_uid(uid: str, name: str) -> None:
    try:
        check_uid(uid)
    except UidInvalid as error:
        raise ObjectRefused(
            StoreStatus.INVALID_INSTANCE_UID, f"{name} breaks the rules of PS3.5 9.1"
        ) from error


def _uid(header: Dataset, keyword: str) -> str:
    # Some senders pad UIDs with spaces where PS3.5 6.2 asks for one NUL.
    text = plain_text(header, keyword)
    if text is None:
        text = _read(lambda: str(header.get(keyword, "") or ""))
    return text.strip(" \0")


def _text(header: Dataset, keyword: str, flaws: list[str]) -> str:
    def read() -> str:
        value = header.get(keyword)
        return "" if value is None else str(value)

    try:
        plain = plain_text(header, keyword)
        text = read_checked(read) if plain is None else plain
    except ValueError:
        flaws.append(f"{keyword} cannot be read")
        return ""
    if "\0" in text or not text.isprintable():
        flaws.append(f"{keyword} holds control characters")
        text = "".join(character for character in text if character.isprintable())
    if len(text) > _LONGEST_TEXT:
        flaws.append(f"{keyword} is longer than {_LONGEST_TEXT} characters")
    return text[:_LONGEST_TEXT].strip()


def _priority(header: Dataset, flaws: list[str]) -> int:
    """Return the highest priority that any of the usual places names."""
    named = [_text(header, "RequestedProcedurePriority", flaws)]
    named.append(_text(header, "StudyPriorityID", flaws))
    try:
        requests = read_checked(lambda: list(header.get("RequestAttributesSequence") or ()))
    except ValueError:
        flaws.append("RequestAttributesSequence cannot be read")
        requests = []
    named += [
        _text(item, "RequestedProcedurePriority", flaws)
        for item in requests
        if isinstance(item, Dataset)
    ]
    return max(_PRIORITIES.get(name.upper(), ROUTINE) for name in named)


def _read(read: Callable[[], str]) -> str:
    try:
        return read_checked(read)
    except ValueError:
        return ""


def read_checked(read: Callable[[], Value]) -> Value:
    """Read an element; whatever pydicom raises for a malformed one becomes ValueError."""
    try:
        return read()
    except (
        ArithmeticError,
        AttributeError,
        BytesLengthException,
        EOFError,
        LookupError,
        NotImplementedError,
        struct.error,
        TypeError,
        UnicodeError,
    ) as error:
        raise ValueError(type(error).__name__) from None
