"""In which transfer syntax objects and frames leave (PS3.18 8.7.3.5 and 8.7.4).

The file store is never touched: what is decoded is decoded for this one answer.
"""

import io
from collections.abc import Iterable, Iterator

import pydicom
from pydicom import FileDataset
from pydicom.encaps import get_frame
from pydicom.pixels.utils import pixel_array
from pydicom.uid import (
    UID,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    JPEG2000TransferSyntaxes,
    JPEGLSTransferSyntaxes,
    JPEGTransferSyntaxes,
    RLETransferSyntaxes,
)

from api.dicomweb.accept import ANY, ANY_SYNTAX, wanted
from api.dicomweb.multipart import Part
from api.errors import ImageNotShown, NotAcceptable, UnknownThing
from inference.errors import DECODER_ERRORS

DICOM = "application/dicom"
OCTETS = "application/octet-stream"
# What is meant where no transfer syntax is named (PS3.18 8.7.3.5.2).
DEFAULT_SYNTAX = ExplicitVRLittleEndian
# PS3.18 table 8.7.3-6: media types of compressed frames.
_COMPRESSED = (
    (JPEG2000TransferSyntaxes, "image/jp2"),
    (JPEGLSTransferSyntaxes, "image/jls"),
    (JPEGTransferSyntaxes, "image/jpeg"),
    (RLETransferSyntaxes, "image/dicom-rle"),
)


def objects_as(accept: str, contents: Iterable[bytes]) -> Iterator[Part]:
    """Yield files in a transfer syntax that the client takes: as stored if it takes that.

    Raises
    ------
    NotAcceptable
        It takes none that we have.
    """
    for content in contents:
        syntax = UID(
            pydicom.dcmread(io.BytesIO(content), specific_tags=[]).file_meta.TransferSyntaxUID
        )
        if _takes_stored(accept, syntax):
            yield Part(media_type=f"{DICOM}; transfer-syntax={syntax}", content=content)
        else:
            decoded = _decoded_object(content, syntax)
            yield Part(media_type=f"{DICOM}; transfer-syntax={DEFAULT_SYNTAX}", content=decoded)


def frames_as(accept: str, content: bytes, numbers: Iterable[int]) -> list[Part]:
    """Return frames as a client takes them: compressed as stored, or decoded, low byte first.

    Parameters
    ----------
    accept
        The Accept header.
    content
        The object's file.
    numbers
        From 1.

    Raises
    ------
    UnknownThing
        There is no such frame.
    NotAcceptable
        The client takes neither.
    ImageNotShown
        The frame cannot be decoded.
    """
    ds = pydicom.dcmread(io.BytesIO(content))
    frames = int(ds.get("NumberOfFrames") or 1)
    chosen = tuple(numbers)
    if not ds.get("PixelData") or not all(1 <= number <= frames for number in chosen):
        raise UnknownThing("there is no such frame")
    syntax = UID(ds.file_meta.TransferSyntaxUID)
    if _frame_goes_as_stored(accept, syntax):
        media_type = f"{_stored_kind(syntax)}; transfer-syntax={syntax}"
        return [
            Part(
                media_type=media_type,
                content=get_frame(ds.PixelData, number - 1, number_of_frames=frames),
            )
            for number in chosen
        ]
    return [Part(media_type=OCTETS, content=_decoded_frame(ds, n, frames)) for n in chosen]


def _takes_stored(accept: str, syntax: UID) -> bool:
    """Return whether the object goes as stored; otherwise it goes in the default syntax."""
    for one in wanted(accept):
        if not one.takes(DICOM):
            continue
        if one.transfer_syntax in (ANY_SYNTAX, syntax):
            return True
        if one.transfer_syntax == "" and one.media_type != DICOM:
            return True  # takes anything
        if one.transfer_syntax in ("", DEFAULT_SYNTAX) and syntax != ExplicitVRBigEndian:
            return syntax == DEFAULT_SYNTAX
    raise NotAcceptable(f"offered here: {DICOM}; transfer-syntax=*, or the default where possible")


def _decoded_object(content: bytes, syntax: UID) -> bytes:
    ds = pydicom.dcmread(io.BytesIO(content))
    try:
        if syntax.is_encapsulated and "PixelData" in ds:
            # The same object in another encoding: its UID stays.
            ds.decompress(generate_instance_uid=False)
        ds.file_meta.TransferSyntaxUID = DEFAULT_SYNTAX
        buffer = io.BytesIO()
        ds.save_as(buffer, implicit_vr=False, little_endian=True)
    except DECODER_ERRORS as error:
        raise NotAcceptable(
            f"cannot be decoded ({type(error).__name__}); offered: transfer-syntax=*"
        ) from error
    return buffer.getvalue()


def _frame_goes_as_stored(accept: str, syntax: UID) -> bool:
    """Return whether a frame goes compressed as it is stored; otherwise it goes decoded.

    Raises
    ------
    NotAcceptable
        The client takes neither.
    """
    stored = _stored_kind(syntax) if syntax.is_encapsulated else ""
    for one in wanted(accept):
        is_any = one.media_type == ANY and not one.transfer_syntax
        if stored and one.takes(stored) and (one.transfer_syntax in ("", ANY_SYNTAX, syntax)):
            return True
        if one.takes(OCTETS) and not is_any:
            if stored and one.transfer_syntax in (ANY_SYNTAX, syntax):
                return True
            if one.transfer_syntax in ("", ANY_SYNTAX, syntax, DEFAULT_SYNTAX):
                return False
        if is_any:
            return False
    raise NotAcceptable(f"offered here: {', '.join(filter(None, (stored, OCTETS)))}")


def _stored_kind(syntax: UID) -> str:
    return next((name for group, name in _COMPRESSED if syntax in group), OCTETS)


def _decoded_frame(ds: FileDataset, number: int, frames: int) -> bytes:
    syntax = UID(ds.file_meta.TransferSyntaxUID)
    if not syntax.is_encapsulated and syntax != ExplicitVRBigEndian:
        length = ds.Rows * ds.Columns * ds.SamplesPerPixel * (ds.BitsAllocated // 8)
        length = min(len(ds.PixelData) // frames, length)
        return bytes(ds.PixelData[(number - 1) * length : number * length])
    try:
        decoded = pixel_array(ds, index=number - 1)
    except DECODER_ERRORS as error:
        raise ImageNotShown(f"cannot be decoded ({type(error).__name__})") from error
    return decoded.astype(decoded.dtype.newbyteorder("<")).tobytes()
