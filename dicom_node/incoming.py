"""A data set on its way in: goes to a temporary file as it comes, hashed, never parsed.

Fragments are written and hashed in pieces of a mebibyte, because every write and every digest gives
the interpreter's lock away (docs/decisions/0007). The beginning stays in memory, so that the header
need not be read back from the file.

The file lies in the archive's own file system, and nothing of it is left behind when an
association is aborted.
"""

import contextlib
import struct
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

from pydicom.uid import UID

from archive.files import FileStore
from dicom_node.errors import ObjectRefused
from dicom_node.intake import Command, check_command
from dicom_node.statuses import StoreStatus

# Made once from a random UUID (PS3.5 annex B.2). Both stay the same for ever: a file's bytes
# must depend on nothing but what was received, so that a repeat makes the same file.
IMPLEMENTATION_CLASS_UID = UID("2.25.314340326202120153264171239915672474784")
IMPLEMENTATION_VERSION_NAME = "HILUM"
_PIECE_BYTES = 1 << 20
# A header hardly ever goes on behind this.
_BEGINNING_BYTES = 1 << 15
# Group, element, VR, length: explicit VR little endian, whatever the data set is in (PS3.10 7.1).
_META_ELEMENT = struct.Struct("<HH2sH")


@dataclass(frozen=True, kw_only=True)
class Heading:
    """What must be known before the first byte of a data set is kept."""

    command: Command
    transfer_syntax: UID


@dataclass(frozen=True, kw_only=True)
class ReceivedFile:
    """A complete file in the incoming folder; not yet durable."""

    path: Path
    heading: Heading
    data_set_offset: int
    file_sha256: str
    byte_count: int
    beginning: bytes
    """The first bytes of the data set, as they stand in the file."""


class IncomingDataSet:
    """Writes a data set to a file and keeps no bytes but the first, and the latest for a while.

    A fragment that cannot be kept (no room, a UID that is none) is dropped and the reason kept
    for `finish`: the protocol has no way to answer before the last fragment.

    Parameters
    ----------
    files
        Where files go and how much room there is.
    minimum_free_bytes
        Below this nothing new is taken.
    heading
        What the request says.
    """

    def __init__(self, files: FileStore, *, minimum_free_bytes: int, heading: Heading) -> None:
        self._files = files
        self._minimum_free_bytes = minimum_free_bytes
        self._heading = heading
        self._refusal: ObjectRefused | None = None
        self._path: Path | None = None
        self._file: BinaryIO | None = None
        self._pending = bytearray()
        self._beginning = b""
        self._hash = sha256(usedforsecurity=False)
        self._offset = 0
        self._count = 0

    def write(self, fragment: bytes | memoryview) -> None:
        """Keep one fragment; never raises for want of room."""
        if self._refusal is not None:
            return
        try:
            path = self._path or self._begin()
            self._pending += fragment
            if len(self._pending) >= _PIECE_BYTES:
                self._write_pending(path)
        except ObjectRefused as refusal:
            self._refuse(refusal)
        except OSError:
            self._refuse(ObjectRefused(StoreStatus.OUT_OF_RESOURCES, "cannot be written here"))

    def finish(self) -> ReceivedFile:
        """Close the file and describe it.

        Raises
        ------
        ObjectRefused
            Why it was not kept, or that nothing came.
        """
        if self._refusal is not None:
            raise self._refusal
        if self._path is None:
            raise ObjectRefused(StoreStatus.CANNOT_UNDERSTAND, "the data set is empty")
        try:
            self._write_pending(self._path).close()
        except OSError:
            refusal = ObjectRefused(StoreStatus.OUT_OF_RESOURCES, "cannot be written here")
            self._refuse(refusal)
            raise refusal from None
        return ReceivedFile(
            path=self._path,
            heading=self._heading,
            data_set_offset=self._offset,
            file_sha256=self._hash.hexdigest(),
            byte_count=self._count,
            beginning=self._beginning,
        )

    def discard(self) -> None:
        """Remove what was written unless it was moved to its place; safe to repeat."""
        if self._file is not None:
            with contextlib.suppress(OSError):
                self._file.close()
        if self._path is not None:
            with contextlib.suppress(OSError):
                self._path.unlink(missing_ok=True)

    def _begin(self) -> Path:
        check_command(self._heading.command)
        if self._files.free_bytes() < self._minimum_free_bytes:
            raise ObjectRefused(StoreStatus.OUT_OF_RESOURCES, "no room left")
        path = self._path = self._files.new_temporary_file()
        self._pending += preamble_and_meta(self._heading)
        self._offset = len(self._pending)
        return path

    def _write_pending(self, path: Path) -> BinaryIO:
        content, self._pending = self._pending, bytearray()
        file = self._file
        if file is None:
            # Unbuffered: a write that fails must fail here.
            file = self._file = path.open("xb", buffering=0)
            self._beginning = bytes(content[self._offset : self._offset + _BEGINNING_BYTES])
        remaining = memoryview(content)
        while remaining:
            remaining = remaining[file.write(remaining) :]
        self._hash.update(content)
        self._count += len(content)
        return file

    def _refuse(self, refusal: ObjectRefused) -> None:
        self._refusal = refusal
        self.discard()


def preamble_and_meta(heading: Heading) -> bytes:
    """Return preamble, prefix and File Meta Information (PS3.10 7.1).

    Written here because it is the same seven elements for every object: pydicom takes as long for
    them as the disk for half a megabyte.
    """
    version = _META_ELEMENT.pack(2, 0x0001, b"OB", 0) + struct.pack("<L", 2) + b"\0\1"
    elements = version + b"".join(
        (
            _meta_element(0x0002, b"UI", heading.command.sop_class_uid, b"\0"),
            _meta_element(0x0003, b"UI", heading.command.sop_instance_uid, b"\0"),
            _meta_element(0x0010, b"UI", heading.transfer_syntax, b"\0"),
            _meta_element(0x0012, b"UI", IMPLEMENTATION_CLASS_UID, b"\0"),
            _meta_element(0x0013, b"SH", IMPLEMENTATION_VERSION_NAME, b" "),
        )
    )
    length = _META_ELEMENT.pack(2, 0x0000, b"UL", 4) + struct.pack("<L", len(elements))
    return bytes(128) + b"DICM" + length + elements


def _meta_element(element: int, vr: bytes, text: str, padding: bytes) -> bytes:
    value = text.encode("ascii")
    if len(value) % 2:
        value += padding
    return _META_ELEMENT.pack(2, element, vr, len(value)) + value
