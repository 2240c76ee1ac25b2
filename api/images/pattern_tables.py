"""The grey scale as tables that the viewer looks up by the 16-bit pattern of a stored value.

What grey a value has is decided in `inference.grey_scale`, for the model as well.
"""

from typing import TypeVar

import numpy as np
import numpy.typing as npt
from pydicom import Dataset

from inference.grey_scale import Preset, grey_values, is_padding, modality_values, stored_range

# Every 16-bit pattern has an entry; signed values stand at their two's complement pattern.
TABLE_LENGTH = 1 << 16
WHITE = 255.0

Grey = npt.NDArray[np.uint8]
Number = TypeVar("Number", bound=np.generic)


def grey_table(ds: Dataset, preset: Preset) -> Grey:
    """Return the grey of every pattern.

    Returns
    -------
    numpy.ndarray
        (65536,), uint8, 0 is black.
    """
    grey = np.floor(grey_values(ds, preset) * WHITE + 0.5).astype(np.uint8)
    return _by_pattern(ds, grey)


def modality_table(ds: Dataset) -> npt.NDArray[np.float32]:
    """Return the modality value of every pattern.

    Returns
    -------
    numpy.ndarray
        (65536,); NaN where the value is padding.
    """
    values = modality_values(ds).astype(np.float32)
    values[is_padding(ds)] = np.nan
    return _by_pattern(ds, values)


def _by_pattern(ds: Dataset, of_stored: npt.NDArray[Number]) -> npt.NDArray[Number]:
    """Spread a table of the possible stored values; patterns beyond BitsStored are clipped."""
    lowest, highest = stored_range(ds)
    patterns = np.arange(TABLE_LENGTH, dtype=np.uint16)
    values = patterns.view(np.int16) if ds.PixelRepresentation else patterns
    return np.asarray(of_stored[values.astype(np.int32).clip(lowest, highest) - lowest])
