"""A data set on its way in: fragments go to a temporary file as they come, hashed, never parsed.

pynetdicom hands the fragments of a C-STORE data set to the ``data_set`` of the message that is
being received; `IncomingDataSet` stands there instead of memory. Its own chunked receive makes
files in the system's temporary folder, which is another file system than the archive's, and
leaves them behind when an association is aborted.
"""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from pydicom.dataset import FileMetaDataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_file_meta_info
from pydicom.uid import UID

from archive.files import FileStore
from dicom_node.errors import ObjectRefused
from dicom_node.intake import Command, check_command
from dicom_node.statuses import StoreStatus

# Made once from a random UUID (PS3.5 annex B.2). Both stay the same for ever: a file's bytes
# must depend on nothing but what was received, so that a repeat makes the same file.
IMPLEMENTATION_CLASS_UID = UID("2.25.314340326202120153264171239915672474784")
IMPLEMENTATION_VERSION_NAME = "HILUM"
# A storage commitment names each object in about 200 bytes.
MOST_NOTIFICATION_BYTES = 1 << 20


@dataclass(frozen=True, kw_only=True)
class Heading:
    """What must be known before the first byte of a data set is kept."""

    command: Command
    transfer_syntax: UID
    is_notification: bool = False
    """Whether it is the event information of an N-EVENT-REPORT (PS3.7 10.1.1): small, no file."""


@dataclass(frozen=True, kw_only=True)
class ReceivedFile:
    """A complete file in the incoming folder; not yet durable."""

    path: Path
    heading: Heading
    data_set_offset: int
    file_sha256: str
    data_set_sha256: str
    byte_count: int


class IncomingDataSet(BytesIO):
    """Takes the place of pynetdicom's memory buffer; writes to a file and keeps no bytes.

    Only what comes with a notification stays in memory, as pynetdicom expects it there.

    A fragment that cannot be kept (no room, a UID that is none) is dropped and the reason kept
    for `finish`: the protocol has no way to answer before the last fragment.

    Parameters
    ----------
    files
        Where files go and how much room there is.
    minimum_free_bytes
        Below this nothing new is taken.
    heading
        Called at the first fragment, when the request is known.
    """

    def __init__(
        self, files: FileStore, *, minimum_free_bytes: int, heading: Callable[[], Heading]
    ) -> None:
        super().__init__()
        self._files = files
        self._minimum_free_bytes = minimum_free_bytes
        self._ask_heading = heading
        self._heading: Heading | None = None
        self._refusal: ObjectRefused | None = None
        self._path: Path | None = None
        self._file: BinaryIO | None = None
        self._file_hash = sha256(usedforsecurity=False)
        self._data_set_hash = sha256(usedforsecurity=False)
        self._offset = 0
        self._count = 0

    def write(self, fragment: bytes) -> int:  # type: ignore[override]  # bytes is all that comes
        """Keep one fragment; never raises for want of room."""
        if self._refusal is None:
            try:
                heading = self._heading or self._ask_heading()
                self._heading = heading
                if heading.is_notification:
                    return self._remember(fragment)
                self._append(self._file or self._begin(heading), fragment)
                self._data_set_hash.update(fragment)
            except ObjectRefused as refusal:
                self._refuse(refusal)
            except OSError:
                self._refuse(ObjectRefused(StoreStatus.OUT_OF_RESOURCES, "cannot be written here"))
        return len(fragment)

    def finish(self) -> ReceivedFile:
        """Close the file and describe it.

        Raises
        ------
        ObjectRefused
            Why it was not kept, or that nothing came.
        """
        if self._refusal is not None:
            raise self._refusal
        if self._file is None or self._path is None or self._heading is None:
            raise ObjectRefused(StoreStatus.CANNOT_UNDERSTAND, "the data set is empty")
        try:
            self._file.close()
        except OSError:
            raise ObjectRefused(StoreStatus.OUT_OF_RESOURCES, "cannot be written here") from None
        return ReceivedFile(
            path=self._path,
            heading=self._heading,
            data_set_offset=self._offset,
            file_sha256=self._file_hash.hexdigest(),
            data_set_sha256=self._data_set_hash.hexdigest(),
            byte_count=self._count,
        )

    def discard(self) -> None:
        """Remove what was written unless it was moved to its place; safe to repeat."""
        if self._file is not None:
            with contextlib.suppress(OSError):
                self._file.close()
        if self._path is not None:
            with contextlib.suppress(OSError):
                self._path.unlink(missing_ok=True)

    def close(self) -> None:
        """Discard what nobody took; Python calls this when the object is dropped."""
        self.discard()
        super().close()

    def _remember(self, fragment: bytes) -> int:
        if self.tell() + len(fragment) > MOST_NOTIFICATION_BYTES:
            raise ObjectRefused(StoreStatus.CANNOT_UNDERSTAND, "the notification is too long")
        return super().write(fragment)

    def _begin(self, heading: Heading) -> BinaryIO:
        check_command(heading.command)
        if self._files.free_bytes() < self._minimum_free_bytes:
            raise ObjectRefused(StoreStatus.OUT_OF_RESOURCES, "no room left")
        self._path = self._files.new_temporary_file()
        # Unbuffered: fragments are large, and a write that fails must fail here.
        file = self._file = self._path.open("xb", buffering=0)
        self._append(file, _preamble_and_meta(heading))
        self._offset = self._count
        return file

    def _append(self, file: BinaryIO, content: bytes) -> None:
        remaining = memoryview(content)
        while remaining:
            remaining = remaining[file.write(remaining) :]
        self._file_hash.update(content)
        self._count += len(content)

    def _refuse(self, refusal: ObjectRefused) -> None:
        self._refusal = refusal
        self.discard()


def _preamble_and_meta(heading: Heading) -> bytes:
    """Return preamble, prefix and File Meta Information (PS3.10 7.1)."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = UID(heading.command.sop_class_uid)
    meta.MediaStorageSOPInstanceUID = UID(heading.command.sop_instance_uid)
    meta.TransferSyntaxUID = heading.transfer_syntax
    meta.ImplementationClassUID = IMPLEMENTATION_CLASS_UID
    meta.ImplementationVersionName = IMPLEMENTATION_VERSION_NAME
    buffer = DicomBytesIO()
    buffer.write(b"\0" * 128 + b"DICM")
    write_file_meta_info(buffer, meta)
    return bytes(buffer.getvalue())
