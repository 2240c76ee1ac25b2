"""From a stored object to displayed grey values; knows no model and no network.

The grey scale pipeline (`inference.grey_scale`) is computed once per possible stored value, at most
65 536 of them, and then looked up per pixel.
"""

import io

import numpy as np
from PIL import Image, UnidentifiedImageError
from pydicom import Dataset
from pydicom.pixels.utils import pixel_array

from inference.errors import DECODER_ERRORS, PixelsUnreadable, PixelsUnsupported
from inference.grey_scale import (
    GREY_INTERPRETATIONS,
    MOST_BITS,
    default_preset,
    grey_values,
    stored_range,
)

INTEGER_PIXELS = "PixelData"
OTHER_PIXELS = ("FloatPixelData", "DoubleFloatPixelData")
SIXTEEN_BIT_WHITE = 65535.0
EIGHT_BIT_WHITE = 255.0


def read_pixels(ds: Dataset) -> np.ndarray:
    """Decode an image and take it through its grey scale pipeline.

    Modality LUT or rescale, then the first VOI LUT or usable window (a table wins over a window, as
    in pydicom; without either, the full range of the stored bits), then inversion against that
    range for MONOCHROME1 or an INVERSE shape. Pixels with the padding value are shown black.

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
    lowest, highest = stored_range(ds)
    if stored.min() < lowest or stored.max() > highest:
        stored = stored.clip(lowest, highest)  # bits above BitsStored are not pixel values
    try:
        table = grey_values(ds, default_preset(ds)).astype(np.float32)
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
