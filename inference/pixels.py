"""From a stored object to displayed grey values; knows no model and no network.

The whole grey scale pipeline (PS3.3 C.7.6.16-3 and PS3.4 N.2: modality, then VOI, then inversion)
is computed once per possible stored value, at most 65 536 of them, and then looked up per pixel.
"""

import io

import numpy as np
from PIL import Image, UnidentifiedImageError
from pydicom import Dataset
from pydicom.pixels.utils import pixel_array
from scipy.special import expit

from inference.errors import PixelsUnreadable, PixelsUnsupported

GREY_INTERPRETATIONS = ("MONOCHROME1", "MONOCHROME2")
INTEGER_PIXELS = "PixelData"
OTHER_PIXELS = ("FloatPixelData", "DoubleFloatPixelData")
MOST_BITS = 16  # the lookup table would not fit above
# What pydicom and the decoders behind it raise on truncated, foreign or contradictory pixel data.
DECODER_ERRORS = (
    ArithmeticError,
    AttributeError,
    LookupError,
    NotImplementedError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)
SIXTEEN_BIT_WHITE = 65535.0
EIGHT_BIT_WHITE = 255.0


def read_pixels(ds: Dataset) -> np.ndarray:
    """Decode an image and take it through its grey scale pipeline.

    Modality LUT or rescale, then the first VOI LUT or window (a table wins over a window, as in
    pydicom; without either, the full range of the stored bits), then inversion against that range
    for MONOCHROME1 or an INVERSE shape. Pixels with the padding value are shown black.

    Returns
    -------
    numpy.ndarray
        (Rows, Columns), float32 in [0, 1], black is 0.

    Raises
    ------
    PixelsUnreadable
        There is no pixel data, or it is truncated, or no decoder accepts it.
    PixelsUnsupported
        Colour, several frames, floating point or more than 16 bits.
    """
    _refuse_unsupported(ds)
    try:
        stored = pixel_array(ds)
    except DECODER_ERRORS as error:
        raise PixelsUnreadable(f"pixel data cannot be decoded: {type(error).__name__}") from error
    if stored.shape != (ds.Rows, ds.Columns):
        raise PixelsUnreadable("decoded size differs from Rows and Columns")
    lowest, highest = _stored_range(ds)
    if stored.min() < lowest or stored.max() > highest:
        stored = stored.clip(lowest, highest)  # bits above BitsStored are not pixel values
    try:
        table = display_table(ds)
    except DECODER_ERRORS as error:
        raise PixelsUnreadable(f"grey scale cannot be read: {type(error).__name__}") from error
    if lowest < 0:
        return table[stored.astype(np.int32) - lowest]
    return np.take(table, stored)


def _refuse_unsupported(ds: Dataset) -> None:
    if any(keyword in ds for keyword in OTHER_PIXELS):
        raise PixelsUnsupported("floating point pixel data")
    if INTEGER_PIXELS not in ds or not ds.PixelData:
        raise PixelsUnreadable("the object holds no pixel data")
    interpretation = ds.get("PhotometricInterpretation")
    if ds.get("SamplesPerPixel", 1) != 1 or interpretation not in GREY_INTERPRETATIONS:
        raise PixelsUnsupported(f"not a grey scale image: {interpretation}")
    if int(ds.get("NumberOfFrames") or 1) != 1:
        raise PixelsUnsupported("more than one frame")
    if ds.get("BitsStored", MOST_BITS) > MOST_BITS:
        raise PixelsUnsupported("more than 16 bits stored")


def _stored_range(ds: Dataset) -> tuple[int, int]:
    bits = int(ds.BitsStored)
    return (
        (-(1 << bits - 1), (1 << bits - 1) - 1) if ds.PixelRepresentation else (0, (1 << bits) - 1)
    )


def display_table(ds: Dataset) -> np.ndarray:
    """Compute the displayed grey of every possible stored value.

    Returns
    -------
    numpy.ndarray
        (2 ** BitsStored,), float32 in [0, 1]; entry 0 belongs to the lowest stored value.
    """
    lowest, highest = _stored_range(ds)
    stored = np.arange(lowest, highest + 1)
    values = _modality(ds, stored)
    grey = _voi(ds, values)
    is_inverse = ds.get("PresentationLUTShape") == "INVERSE"
    if ds.PhotometricInterpretation == "MONOCHROME1" or is_inverse:
        grey = 1.0 - grey
    if ds.get("PixelPaddingValue") is not None:
        limits = [ds.PixelPaddingValue, ds.get("PixelPaddingRangeLimit", ds.PixelPaddingValue)]
        grey[(stored >= min(limits)) & (stored <= max(limits))] = 0.0
    return grey.astype(np.float32)


def _modality(ds: Dataset, stored: np.ndarray) -> np.ndarray:
    """PS3.3 C.11.1: a table wins over slope and intercept."""
    if ds.get("ModalityLUTSequence"):
        entries, first, _ = _read_table(ds.ModalityLUTSequence[0], ds)
        return np.asarray(entries[(stored - first).clip(0, len(entries) - 1)])
    slope, intercept = ds.get("RescaleSlope"), ds.get("RescaleIntercept")
    return stored * float(1 if slope is None else slope) + float(intercept or 0)


def _voi(ds: Dataset, values: np.ndarray) -> np.ndarray:
    """PS3.3 C.11.2, first alternative only, scaled to [0, 1]."""
    if ds.get("VOILUTSequence"):
        entries, first, bits = _read_table(ds.VOILUTSequence[0], ds)
        indices = np.floor(values).astype(np.int64) - first
        return np.asarray(entries[indices.clip(0, len(entries) - 1)] / (2.0**bits - 1))
    window = _window(ds)
    if window is not None:
        return window_function(values, *window, str(ds.get("VOILUTFunction") or "LINEAR"))
    low, high = values.min(), values.max()
    return (values - low) / (high - low) if high > low else np.zeros_like(values, dtype=float)


def _window(ds: Dataset) -> tuple[float, float] | None:
    """Centre and width of the first window; none where the width allows no window."""
    centre, width = (_first(ds.get(keyword)) for keyword in ("WindowCenter", "WindowWidth"))
    return None if centre is None or width is None or width < 1 else (centre, width)


def _first(element_value: object) -> float | None:
    if element_value is None or element_value == "":
        return None
    if isinstance(element_value, float | int | str):  # DS values are floats or decimals
        return float(element_value)
    values = list(element_value)  # type: ignore[call-overload]  # MultiValue is iterable
    return float(values[0]) if values else None


def window_function(values: np.ndarray, centre: float, width: float, function: str) -> np.ndarray:
    """Map a window onto [0, 1], PS3.3 C.11.2.1.2-3; an unknown function counts as LINEAR."""
    if function == "SIGMOID":
        return np.asarray(expit(4.0 * (values - centre) / width))
    if function == "LINEAR_EXACT":
        return ((values - centre) / width + 0.5).clip(0.0, 1.0)
    if width == 1:  # equation C.11-2: black up to the middle, white above
        return (values > centre - 0.5).astype(float)
    return ((values - (centre - 0.5)) / (width - 1.0) + 0.5).clip(0.0, 1.0)


def _read_table(item: Dataset, ds: Dataset) -> tuple[np.ndarray, int, int]:
    """Entries (float64), first mapped value and bits per entry of a LUT item, PS3.3 C.11.1.1.

    Tables with 12-bit entries are read too: the Standard allows them for VOI, and for modality
    they exist although it does not.
    """
    count, first, bits = (int(value) for value in item.LUTDescriptor)
    count = count or 65536
    if ds.PixelRepresentation and first > 32767:
        first -= 65536  # a signed value read as unsigned
    entries = _entries(item, is_little_endian=ds.original_encoding[1] is not False)
    if len(entries) < count:  # two entries of 8 bits in each word
        entries = entries.astype("<u2").view(np.uint8)
    if len(entries) < count:
        raise ValueError("lookup table shorter than its descriptor says")
    return entries[:count].astype(np.float64), first, bits


def _entries(item: Dataset, *, is_little_endian: bool) -> np.ndarray:
    if isinstance(item.LUTData, bytes):
        return np.frombuffer(item.LUTData, dtype="<u2" if is_little_endian else ">u2")
    return np.atleast_1d(np.asarray(item.LUTData))


def read_raster(data: bytes) -> np.ndarray:
    """Decode a JPEG or PNG file into displayed grey values.

    Returns
    -------
    numpy.ndarray
        (rows, columns), float32 in [0, 1], black is 0; colour is weighted as ITU-R BT.601 does.

    Raises
    ------
    PixelsUnreadable
        The bytes are no JPEG or PNG, or are cut short.
    """
    try:
        with Image.open(io.BytesIO(data), formats=("JPEG", "PNG")) as image:
            if image.mode.startswith("I"):  # grey PNG of 16 bits
                return np.asarray(image, dtype=np.float32) / np.float32(SIXTEEN_BIT_WHITE)
            return np.asarray(image.convert("L"), dtype=np.float32) / np.float32(EIGHT_BIT_WHITE)
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        raise PixelsUnreadable(f"not a readable JPEG or PNG: {type(error).__name__}") from error
    except Image.DecompressionBombError as error:
        raise PixelsUnreadable("the picture is larger than any radiograph") from error
