"""WADO-RS: the metadata of objects, and pictures of them (PS3.18 10.4)."""

import io

import numpy as np
import numpy.typing as npt
import pydicom
from PIL import Image
from pydicom import FileDataset

from api.dicomweb.search import Json, as_json
from api.images.pattern_tables import grey_table
from api.images.shown import ShownImage, show
from inference.grey_scale import Preset, PresetKind

DICOM_JSON = "application/dicom+json"
PIXEL_DATA = "7FE00010"
THUMBNAIL_SIDE = 200
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
