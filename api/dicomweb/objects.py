"""The objects of a study that can be asked for: what was received, and what we made of it."""

import io
from collections.abc import Iterable
from dataclasses import dataclass

import pydicom
from pydicom import FileDataset

from api.errors import UnknownThing
from archive.database import Archive
from archive.records import FileKey, Instance, InstanceKey, Report, StudyDetail, StudyUid


@dataclass(frozen=True, kw_only=True)
class StoredObject:
    """One object in the file store."""

    key: InstanceKey
    sop_class_uid: str
    file_key: FileKey
    file_sha256: str


def objects_of(detail: StudyDetail) -> tuple[StoredObject, ...]:
    """Return every object of a study, received ones first."""
    received = [_object(one) for one in detail.instances]
    return (*received, *(_object(one) for one in detail.reports))


def find(
    archive: Archive, study_uid: str, series_uid: str = "", sop_instance_uid: str = ""
) -> tuple[StoredObject, ...]:
    """Return the objects of a study, a series, or the one of an instance.

    Raises
    ------
    UnknownThing
        There is none.
    NotFound
        There is no such study.
    """
    found = objects_of(archive.repository.study(StudyUid(study_uid)))
    if series_uid:
        found = tuple(one for one in found if one.key.series_uid == series_uid)
    if sop_instance_uid:
        found = tuple(one for one in found if one.key.sop_instance_uid == sop_instance_uid)
    if not found:
        raise UnknownThing("there is no such object")
    return found


def content_of(archive: Archive, one: StoredObject) -> bytes:
    """Return an object's file, checked against its recorded digest."""
    return archive.files.read(one.file_key, sha256=one.file_sha256)


def header_of(archive: Archive, one: StoredObject) -> FileDataset:
    """Return an object without its pixels."""
    return pydicom.dcmread(io.BytesIO(content_of(archive, one)), stop_before_pixels=True)


def headers_of(archive: Archive, objects: Iterable[StoredObject]) -> list[FileDataset]:
    """Return several objects without their pixels."""
    return [header_of(archive, one) for one in objects]


def _object(one: Instance | Report) -> StoredObject:
    return StoredObject(
        key=one.key,
        sop_class_uid=one.sop_class_uid,
        file_key=one.file_key,
        file_sha256=one.file_sha256,
    )
