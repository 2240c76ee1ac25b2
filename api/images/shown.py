"""One stored object made ready for the viewer: its pixels, its grey tables, its geometry."""

import io
from dataclasses import dataclass
from hashlib import sha256

import numpy as np
import numpy.typing as npt
import pydicom
from pydicom import Dataset
from pydicom.errors import InvalidDicomError
from pydicom.pixels.utils import pixel_array

from api.errors import ImageNotShown
from api.images.pattern_tables import Grey, grey_table, modality_table
from inference.errors import DECODER_ERRORS
from inference.grey_scale import GREY_INTERPRETATIONS, MOST_BITS, Preset, is_inverse, presets

# A first look at a large image, so that the screen is not black while the rest comes.
FIT_LONGEST_SIDE = 2048

Stored = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]


@dataclass(frozen=True, kw_only=True)
class Geometry:
    """Size and spacing of an image."""

    rows: int
    columns: int
    row_spacing_mm: float | None
    column_spacing_mm: float | None
    is_spacing_at_detector: bool
    """True: Imager Pixel Spacing, so that lengths in the body are shorter."""
    pixel_aspect_ratio: float
    """Height of a pixel divided by its width."""


@dataclass(frozen=True, kw_only=True)
class ShownImage:
    """What the viewer needs of one image."""

    geometry: Geometry
    presets: tuple[Preset, ...]
    grey_tables: tuple[Grey, ...]
    """One per preset: (65536,), uint8."""
    modality_table: npt.NDArray[np.float32]
    """(65536,), for windows that the reader chooses; NaN where a value is padding."""
    is_inverse: bool
    pixels: Stored
    """(rows, columns); 16-bit patterns of the stored values, or bytes where 8 bits are enough."""
    view_position: str
    patient_orientation: tuple[str, ...]
    transfer_syntax_uid: str
    notes: tuple[str, ...]
    """What the viewer should say beside the image."""

    @property
    def byte_count(self) -> int:
        """Bytes of memory that this takes."""
        tables = sum(table.nbytes for table in self.grey_tables)
        return self.pixels.nbytes + tables + self.modality_table.nbytes


def show(content: bytes) -> ShownImage:
    """Decode a DICOM file and compute its grey tables.

    Raises
    ------
    ImageNotShown
        With the reason, which may be shown to the reader.
    """
    ds = _read(content)
    _refuse_others(ds)
    try:
        pixels = _patterns(ds)
        found = presets(ds)
        tables = tuple(grey_table(ds, preset) for preset in found)
        modality = modality_table(ds)
    except DECODER_ERRORS as error:
        name = ds.file_meta.TransferSyntaxUID.name
        raise ImageNotShown(f"cannot be decoded ({type(error).__name__}, {name})") from error
    return ShownImage(
        geometry=_geometry(ds, pixels.shape),
        presets=found,
        grey_tables=tables,
        modality_table=modality,
        is_inverse=is_inverse(ds),
        pixels=pixels,
        view_position=str(ds.get("ViewPosition") or ""),
        patient_orientation=tuple(str(part) for part in ds.get("PatientOrientation") or ()),
        transfer_syntax_uid=str(ds.file_meta.TransferSyntaxUID),
        notes=_notes(ds),
    )


def fit_level(pixels: Stored) -> Stored:
    """Return an image whose longest side is at most `FIT_LONGEST_SIDE`, by leaving pixels out.

    Left out, not averaged: every value shown is one that was stored, so that the grey tables hold.
    """
    step = -(-max(pixels.shape) // FIT_LONGEST_SIDE)
    return pixels[step // 2 :: step, step // 2 :: step] if step > 1 else pixels


def packed(pixels: Stored) -> bytes:
    """Return pixels row by row, two-byte values with the low byte first."""
    little_endian = pixels.astype(pixels.dtype.newbyteorder("<"), copy=False)
    return np.ascontiguousarray(little_endian).tobytes()


def digest_of(content: bytes) -> str:
    """Return what names a content in an ETag."""
    return sha256(content).hexdigest()[:32]


def _read(content: bytes) -> Dataset:
    try:
        return pydicom.dcmread(io.BytesIO(content))
    except (InvalidDicomError, *DECODER_ERRORS) as error:
        raise ImageNotShown(f"cannot be read ({type(error).__name__})") from error


def _refuse_others(ds: Dataset) -> None:
    interpretation = ds.get("PhotometricInterpretation")
    if not ds.get("PixelData"):
        raise ImageNotShown("holds no pixel data")
    if ds.get("SamplesPerPixel", 1) != 1 or interpretation not in GREY_INTERPRETATIONS:
        raise ImageNotShown(f"is no grey image ({interpretation})")
    if int(ds.get("BitsAllocated") or 0) not in (8, 16) or int(ds.BitsStored) > MOST_BITS:
        raise ImageNotShown("has more than 16 bits for a pixel")


def _patterns(ds: Dataset) -> Stored:
    stored = pixel_array(ds, index=0)
    if stored.dtype == np.uint8:
        return np.asarray(stored)
    if stored.dtype == np.int8:
        stored = stored.astype(np.int16)
    return np.asarray(stored).view(np.uint16)


def _geometry(ds: Dataset, shape: tuple[int, ...]) -> Geometry:
    spacing, is_at_detector = _spacing(ds, "PixelSpacing"), False
    if spacing is None:
        spacing, is_at_detector = _spacing(ds, "ImagerPixelSpacing"), True
    ratio = ds.get("PixelAspectRatio")
    aspect = float(ratio[0]) / float(ratio[1]) if ratio and float(ratio[1]) else 1.0
    if spacing is not None:
        aspect = spacing[0] / spacing[1]
    return Geometry(
        rows=shape[0],
        columns=shape[1],
        row_spacing_mm=spacing[0] if spacing else None,
        column_spacing_mm=spacing[1] if spacing else None,
        is_spacing_at_detector=is_at_detector and spacing is not None,
        pixel_aspect_ratio=aspect,
    )


def _spacing(ds: Dataset, keyword: str) -> tuple[float, float] | None:
    value = ds.get(keyword)
    if not value or len(value) != 2:
        return None
    rows, columns = float(value[0]), float(value[1])
    return (rows, columns) if rows > 0 and columns > 0 else None


def _notes(ds: Dataset) -> tuple[str, ...]:
    notes = []
    if int(ds.get("NumberOfFrames") or 1) > 1:
        notes.append(f"first of {ds.NumberOfFrames} frames")
    if str(ds.get("LossyImageCompression") or "") == "01":
        notes.append("lossy compressed")
    if str(ds.get("BurnedInAnnotation") or "") == "YES":
        notes.append("text is burned into the image")
    if _is_mirrored(ds):
        notes.append("mirrored: the patient's left is at the left")
    return tuple(notes)


def _is_mirrored(ds: Dataset) -> bool:
    """Return whether rows run towards the patient's right (PS3.3 C.7.6.1.1.1).

    A chest is read as if one faced the patient, whose left is then at the right.
    """
    orientation = ds.get("PatientOrientation") or [""]
    return str(orientation[0]).upper().startswith("R")
