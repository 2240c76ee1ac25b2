"""Reads the lookup tables of modality and VOI (PS3.3 C.11.1.1.1); knows no torch.

pydicom's own functions wrap the index of tables with 8-bit entries at 256, take no 8-bit entries
that stand in bytes, and no modality table of 12 bits; all three occur.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pydicom import Dataset

# A descriptor of 0 entries means this many; the number does not fit its 16 bits.
MOST_ENTRIES = 1 << 16
LARGEST_SIGNED = (1 << 15) - 1


@dataclass(frozen=True, kw_only=True)
class LookupTable:
    """One table: its entries, the value that the first stands for, and the bits of an entry."""

    entries: npt.NDArray[np.float64]
    first_value: int
    bits: int

    def look_up(self, values: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Return the entry of each value; values outside get the first or the last."""
        positions = np.asarray(values, dtype=np.int64) - self.first_value
        return np.asarray(self.entries[positions.clip(0, len(self.entries) - 1)])


def read_table(item: Dataset, ds: Dataset) -> LookupTable:
    """Return the table of one item of a LUT sequence.

    Raises
    ------
    ValueError
        It has fewer entries than its descriptor says, or entries of no bits.
    """
    count, first, bits = (int(value) for value in item.LUTDescriptor)
    count = count or MOST_ENTRIES
    if ds.PixelRepresentation and first > LARGEST_SIGNED:
        first -= MOST_ENTRIES  # read as unsigned, for the element's VR is ambiguous
    entries = _words(item.LUTData, ds)
    if len(entries) < count:  # two entries of 8 bits in each word, the first in its low byte
        entries = entries.astype("<u2").view(np.uint8)
    if len(entries) < count or bits < 1:
        raise ValueError("a lookup table is shorter than its descriptor says")
    return LookupTable(entries=entries[:count].astype(np.float64), first_value=first, bits=bits)


def _words(content: object, ds: Dataset) -> npt.NDArray[np.uint16]:
    if not isinstance(content, bytes):
        return np.atleast_1d(np.asarray(content, dtype=np.uint16))
    # Stored in the byte order of the file, which pydicom does not change for OW.
    order = ">" if ds.original_encoding[1] is False else "<"
    padded = content + b"\0" * (len(content) % 2)
    return np.frombuffer(padded, dtype=f"{order}u2").astype(np.uint16)
