"""WADO-RS: objects, their metadata, frames and pictures (PS3.18 10.4)."""

import io

import numpy as np
import numpy.typing as npt
import pydicom
from PIL import Image
from pydicom import FileDataset
from pydicom.encaps import get_frame
from pydicom.pixels.utils import pixel_array
from pydicom.uid import (
    ExplicitVRBigEndian,
    JPEG2000TransferSyntaxes,
    JPEGLSTransferSyntaxes,
    JPEGTransferSyntaxes,
    RLETransferSyntaxes,
)

from api.dicomweb.search import Json, as_json
from api.errors import ImageNotShown, UnknownThing
from api.images.pattern_tables import grey_table
from api.images.shown import ShownImage, show
from inference.errors import DECODER_ERRORS
from inference.grey_scale import Preset, PresetKind

DICOM = "application/dicom"
DICOM_JSON = "application/dicom+json"
OCTETS = "application/octet-stream"
PIXEL_DATA = "7FE00010"
THUMBNAIL_SIDE = 200
# PS3.18 table 8.7.3-6: media types of compressed frames.
_COMPRESSED = (
    (JPEG2000TransferSyntaxes, "image/jp2"),
    (JPEGLSTransferSyntaxes, "image/jls"),
    (JPEGTransferSyntaxes, "image/jpeg"),
    (RLETransferSyntaxes, "image/dicom-rle"),
)
_FUNCTIONS = {"linear": "LINEAR", "linear-exact": "LINEAR_EXACT", "sigmoid": "SIGMOID"}


def metadata(header: FileDataset, address: str) -> Json:
    """Return an object without bulk data; its pixels are an address."""
    found = as_json(header)
    if header.get("Rows"):
        place = (
            f"{address}/studies/{header.StudyInstanceUID}/series/{header.SeriesInstanceUID}"
            f"/instances/{header.SOPInstanceUID}/frames/1"
        )
        found[PIXEL_DATA] = {"vr": "OW", "BulkDataURI": place}
    return found


def frame(content: bytes, number: int, *, as_stored: bool) -> tuple[bytes, str]:
    """Return a frame's bytes and their media type.

    Parameters
    ----------
    content
        The object's file.
    number
        From 1.
    as_stored
        Compressed frames as they are; otherwise decoded, low byte first.
    """
    ds = pydicom.dcmread(io.BytesIO(content))
    frames = int(ds.get("NumberOfFrames") or 1)
    if not ds.get("PixelData") or not 1 <= number <= frames:
        raise UnknownThing("there is no such frame")
    syntax = ds.file_meta.TransferSyntaxUID
    if syntax.is_compressed and syntax.is_encapsulated and as_stored:
        kind = next((name for group, name in _COMPRESSED if syntax in group), OCTETS)
        encoded = get_frame(ds.PixelData, number - 1, number_of_frames=frames)
        return encoded, f"{kind}; transfer-syntax={syntax}"
    if not syntax.is_encapsulated and syntax != ExplicitVRBigEndian:
        length = len(ds.PixelData) // frames
        pixels = ds.Rows * ds.Columns * ds.SamplesPerPixel * (ds.BitsAllocated // 8)
        length = min(length, pixels)
        return bytes(ds.PixelData[(number - 1) * length : number * length]), OCTETS
    try:
        decoded = pixel_array(ds, index=number - 1)
    except DECODER_ERRORS as error:
        raise ImageNotShown(f"cannot be decoded ({type(error).__name__})") from error
    return decoded.astype(decoded.dtype.newbyteorder("<")).tobytes(), OCTETS


def picture(content: bytes, *, kind: str, viewport: str, window: str) -> bytes:
    """Return an image as people see it, as JPEG or PNG.

    Parameters
    ----------
    content
        The object's file.
    kind
        `image/jpeg` or `image/png`.
    viewport
        ``width,height``: the largest size; empty for the image's own. Checked by the route.
    window
        ``centre,width,function``; empty for the object's default. Checked by the route.
    """
    shown = show(content)
    table = _window_table(content, window) if window else shown.grey_tables[0]
    image = Image.fromarray(_upright(table[shown.pixels], shown), mode="L")
    if viewport:
        image.thumbnail(_size(viewport))
    buffer = io.BytesIO()
    image.save(buffer, format="JPEG" if kind == "image/jpeg" else "PNG", quality=90)
    return buffer.getvalue()


def _upright(grey: npt.NDArray[np.uint8], shown: ShownImage) -> npt.NDArray[np.uint8]:
    """Repeat rows where pixels are higher than wide, and the other way round."""
    aspect = shown.geometry.pixel_aspect_ratio
    if abs(aspect - 1) < 0.01:
        return grey
    rows = max(1, round(grey.shape[0] * aspect))
    chosen = (np.arange(rows) / aspect).astype(int).clip(0, grey.shape[0] - 1)
    return np.asarray(grey[chosen])


def _window_table(content: bytes, window: str) -> npt.NDArray[np.uint8]:
    centre, width, *function = window.split(",")
    preset = Preset(
        kind=PresetKind.WINDOW,
        name="",
        position=0,
        centre=float(centre),
        width=float(width),
        function=_FUNCTIONS[function[0] if function else "linear"],
    )
    ds = pydicom.dcmread(io.BytesIO(content), stop_before_pixels=True)
    return grey_table(ds, preset)


def _size(viewport: str) -> tuple[int, int]:
    width, height = viewport.split(",")
    return int(width), int(height)
