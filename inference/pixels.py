"""From a stored object to displayed grey values; knows no model and no network."""

import io

import numpy as np
from PIL import Image, UnidentifiedImageError

from inference.errors import PixelsUnreadable

LUMA_MODES = {"1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr"}


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
            if image.mode in LUMA_MODES:
                return np.asarray(image.convert("L"), dtype=np.float32) / 255.0
            return np.asarray(image, dtype=np.float32) / 65535.0  # PNG of 16 bits
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        raise PixelsUnreadable(f"not a readable JPEG or PNG: {error}") from error
