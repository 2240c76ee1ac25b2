"""From a complete incoming file to a durable, recorded instance.

`keep` is what stands between a C-STORE and its 0x0000: on return the bytes and the row are
durable. Calling it again for the same object is safe and records nothing new.
"""

from dataclasses import dataclass

from archive.database import Archive
from archive.records import Arrival, FileKey, Recorded
from dicom_node.errors import HeaderUnreadable, ObjectRefused
from dicom_node.header import read_header
from dicom_node.incoming import ReceivedFile
from dicom_node.intake import Admission, admit
from dicom_node.statuses import StoreStatus


@dataclass(frozen=True, kw_only=True)
class Sender:
    """The two ends of the association that brought an object."""

    calling_ae_title: str
    called_ae_title: str


@dataclass(frozen=True, kw_only=True)
class Kept:
    """What came of an object."""

    admission: Admission
    recorded: Recorded


def keep(
    file: ReceivedFile, sender: Sender, archive: Archive, admission: Admission | None = None
) -> Kept:
    """Make a received file durable and record it.

    Parameters
    ----------
    admission
        What `examine` said of this file, where it was asked already.

    Returns
    -------
    Kept
        A conflict is kept apart, listed, and no part of its study.

    Raises
    ------
    ObjectRefused
        Nothing was kept.
    ArchiveUnavailable
        Nothing was recorded, or what was is just being deleted; the sender must not hear success.
        A file without a row may remain, which a repeat replaces by its equal.
    """
    admission = admission or examine(file)
    if _is_recorded(file, admission, archive):
        # The file at the place is not touched: its recorded digest covers the file meta too.
        archive.repository.record_repeat(admission.key)
        return Kept(admission=admission, recorded=Recorded.DUPLICATE)
    file_key = archive.files.keep_received(file.path, admission.key, file_sha256=file.file_sha256)
    recorded = archive.repository.record_instance(_arrival(file, admission, sender, file_key))
    if recorded is Recorded.CONFLICT:
        _keep_apart(file, admission, sender, archive, file_key)
    if recorded is Recorded.DUPLICATE:
        _keep_once(admission, archive, file_key)
    return Kept(admission=admission, recorded=recorded)


def examine(file: ReceivedFile) -> Admission:
    """Read a received file's header and judge it; nothing is kept.

    Raises
    ------
    ObjectRefused
        It shall not be kept.
    """
    try:
        header = read_header(
            file.path,
            data_set_offset=file.data_set_offset,
            transfer_syntax=file.heading.transfer_syntax,
            beginning=file.beginning,
        )
    except HeaderUnreadable:
        raise ObjectRefused(
            StoreStatus.CANNOT_UNDERSTAND, "not a data set in its transfer syntax"
        ) from None
    return admit(header, file.heading.command)


def _is_recorded(file: ReceivedFile, admission: Admission, archive: Archive) -> bool:
    # Most objects are new, and to ask the file system is the quicker way to know.
    if not archive.files.has_received(admission.key, file_sha256=file.file_sha256):
        return False
    known = archive.repository.recorded_file(admission.key.sop_instance_uid)
    return known is not None and known.file_sha256 == file.file_sha256


def _keep_once(admission: Admission, archive: Archive, received_as: FileKey) -> None:
    # An object that was received before places were named by the digest of the file stands
    # elsewhere; one that another association brought at the same moment stands here.
    known = archive.repository.recorded_file(admission.key.sop_instance_uid)
    if known is not None and known.file_key != received_as:
        archive.files.delete(received_as)


def _keep_apart(
    file: ReceivedFile,
    admission: Admission,
    sender: Sender,
    archive: Archive,
    received_as: FileKey,
) -> None:
    file_key = archive.files.keep_conflict(
        archive.files.path_of(received_as), admission.key, file_sha256=file.file_sha256
    )
    archive.repository.record_conflict(
        _arrival(file, admission, sender, file_key),
        data_set_sha256=archive.files.sha256_behind(file_key, file.data_set_offset),
    )


def _arrival(
    file: ReceivedFile, admission: Admission, sender: Sender, file_key: FileKey
) -> Arrival:
    return Arrival(
        key=admission.key,
        sop_class_uid=file.heading.command.sop_class_uid,
        transfer_syntax_uid=str(file.heading.transfer_syntax),
        modality=admission.modality,
        file_key=file_key,
        file_sha256=file.file_sha256,
        byte_count=file.byte_count,
        calling_ae_title=sender.calling_ae_title,
        called_ae_title=sender.called_ae_title,
        attributes=admission.attributes,
        priority=admission.priority,
        flaws=admission.flaws,
    )
