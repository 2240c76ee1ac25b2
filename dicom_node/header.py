"""Reads the beginning of a received data set, never its pixels."""

import struct
import zlib
from collections.abc import Collection
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError
from pydicom.filereader import read_dataset, read_file_meta_info
from pydicom.tag import BaseTag, Tag
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian

from dicom_node.errors import HeaderUnreadable
from dicom_node.intake import HEADER_TAGS

# Preamble, prefix, and the group length element itself (PS3.10 7.1).
_META_OFFSET = 128 + 4 + 12
_UNDEFINED_LENGTH = 0xFFFFFFFF  # PS3.5 7.1.1
# Everything up to here is header: the pixel data elements are (7FE0,0001) and above.
_FIRST_BULK_TAG = 0x7FE00001
# How much of a deflated data set is unpacked to find its header: enough for any header, little
# enough for a data set that was made to explode.
_INFLATED_BYTES = 8 << 20
# PS3.5 A.5; the two JPIP syntaxes whose data set is deflated too (PS3.5 A.6 to A.9).
_DEFLATED = (
    DeflatedExplicitVRLittleEndian,
    UID("1.2.840.10008.1.2.4.95"),
    UID("1.2.840.10008.1.2.4.205"),
)
# Whatever pydicom raises for what is no data set, or none in that transfer syntax.
_UNREADABLE = (
    EOFError,
    LookupError,
    NotImplementedError,
    RecursionError,
    struct.error,
    TypeError,
    ValueError,
    zlib.error,
)


def read_header(
    path: Path,
    *,
    data_set_offset: int,
    transfer_syntax: UID,
    keywords: Collection[str] = HEADER_TAGS,
    beginning: bytes = b"",
) -> Dataset:
    """Return the named elements that stand before the pixels; values are not decoded.

    Parameters
    ----------
    path
        A file with preamble and file meta.
    data_set_offset
        Where in bytes its data set begins.
    keywords
        Elements to read.
    beginning
        The first bytes of the data set, where they are at hand: the file is opened only if the
        header does not end within them.

    Raises
    ------
    HeaderUnreadable
        This is not a data set in that transfer syntax.
    """
    tags = _tags(tuple(keywords))
    try:
        if beginning and transfer_syntax not in _DEFLATED:
            header = _read_beginning(beginning, transfer_syntax, tags)
            if header is not None:
                return header
        with path.open("rb") as file:
            file.seek(data_set_offset)
            source = _inflated(file) if transfer_syntax in _DEFLATED else file
            return _read(source, transfer_syntax, tags, _BeforeBulk())
    except _UNREADABLE as error:
        raise HeaderUnreadable(type(error).__name__) from None


def read_stored_header(path: Path, keywords: Collection[str]) -> tuple[Dataset, UID]:
    """Return the named elements of a DICOM file before its pixels, and its transfer syntax.

    Raises
    ------
    HeaderUnreadable
        This is no DICOM file, or not one in the transfer syntax that it names.
    """
    try:
        meta = read_file_meta_info(path)
        syntax = UID(meta.TransferSyntaxUID)
        offset = _META_OFFSET + int(meta.FileMetaInformationGroupLength)
    except (InvalidDicomError, AttributeError, EOFError, OSError, TypeError, ValueError) as error:
        raise HeaderUnreadable(type(error).__name__) from None
    header = read_header(path, data_set_offset=offset, transfer_syntax=syntax, keywords=keywords)
    return header, syntax


class _BeforeBulk:
    """Tells a reader to stop before the pixels, and remembers whether it came that far."""

    def __init__(self) -> None:
        self.is_reached = False

    def __call__(self, tag: BaseTag, _vr: str | None, _length: int) -> bool:
        self.is_reached = int(tag) >= _FIRST_BULK_TAG
        return self.is_reached


def _read_beginning(
    beginning: bytes, transfer_syntax: UID, tags: tuple[BaseTag, ...]
) -> Dataset | None:
    """Read a header from memory; None where it is cut off, or anything else is the matter."""
    before_bulk = _BeforeBulk()
    try:
        header = _read(BytesIO(beginning), transfer_syntax, tags, before_bulk)
    except (*_UNREADABLE, OSError):  # pydicom's own, where a sequence is cut off
        return None
    return header if before_bulk.is_reached else None


def _read(
    source: BinaryIO, transfer_syntax: UID, tags: tuple[BaseTag, ...], before_bulk: _BeforeBulk
) -> Dataset:
    header = read_dataset(
        source,
        transfer_syntax.is_implicit_VR,
        transfer_syntax.is_little_endian,
        stop_when=before_bulk,
        specific_tags=list(tags),
    )
    _check_complete(header)
    return header


@lru_cache(maxsize=64)
def _tags(keywords: tuple[str, ...]) -> tuple[BaseTag, ...]:
    return tuple(Tag(keyword) for keyword in keywords)


def _check_complete(header: Dataset) -> None:
    """Refuse values that the end of the data cut off; half a Study UID names another study."""
    for tag in header.keys():  # noqa: SIM118  # to iterate over a data set converts its elements
        element = header.get_item(tag)
        if isinstance(element, RawDataElement) and element.value is not None:
            is_defined = element.length != _UNDEFINED_LENGTH
            if is_defined and len(element.value) < element.length:
                raise EOFError


def _inflated(file: BinaryIO) -> BinaryIO:
    # PS3.5 A.5: raw deflate (RFC 1951), hence the negative window size.
    return BytesIO(zlib.decompressobj(-zlib.MAX_WBITS).decompress(file.read(), _INFLATED_BYTES))
