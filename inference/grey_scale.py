"""From every possible stored value to displayed grey, for model and reader; knows no torch.

Order (PS3.3 C.7.6.16-3, PS3.4 N.2): modality LUT or rescale (C.11.1), VOI LUT or window (C.11.2),
then inversion for MONOCHROME1 or an INVERSE presentation LUT shape (C.11.6); padding is black.
The model is shown the first preset, the reader may choose; there is no second definition.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt
from pydicom import Dataset
from pydicom.multival import MultiValue
from pydicom.pixels.processing import apply_windowing
from pydicom.valuerep import DSfloat

from inference.lookup import read_table

GREY_INTERPRETATIONS = ("MONOCHROME1", "MONOCHROME2")
MOST_BITS = 16  # the tables would not fit above
# PS3.3 C.11.2.1.2-3: the least width of a window; only LINEAR takes one off it.
LEAST_WIDTHS = {
    "LINEAR": 1.0,
    "LINEAR_EXACT": float(np.finfo(float).tiny),
    "SIGMOID": float(np.finfo(float).tiny),
}

Values = npt.NDArray[np.float64]


class PresetKind(StrEnum):
    """Where a preset comes from."""

    VOI_LUT = "VOI_LUT"
    WINDOW = "WINDOW"
    FULL_RANGE = "FULL_RANGE"


@dataclass(frozen=True, kw_only=True)
class Preset:
    """One way to show the image that the object itself offers."""

    kind: PresetKind
    name: str
    position: int
    """Among the presets of its kind in the object."""
    centre: float | None
    """In modality values; None for a table."""
    width: float | None
    function: str
    """LINEAR, LINEAR_EXACT or SIGMOID (PS3.3 C.11.2.1.2-3); empty for a table."""


def presets(ds: Dataset) -> tuple[Preset, ...]:
    """Return the presets of an object, its default first: tables, then windows (as pydicom)."""
    return tuple(_offered(ds)) or (_full_range(ds),)


def default_preset(ds: Dataset) -> Preset:
    """Return the first preset; a flaw in the others does not matter here."""
    return next(_offered(ds), None) or _full_range(ds)


def grey_values(ds: Dataset, preset: Preset) -> Values:
    """Return the displayed grey of every possible stored value.

    Returns
    -------
    numpy.ndarray
        (2 ** BitsStored,) in [0, 1], black is 0; entry 0 belongs to the lowest stored value.
    """
    grey: Values = _voi(ds, modality_values(ds), preset).clip(0.0, 1.0)
    if is_inverse(ds):
        np.subtract(1.0, grey, out=grey)
    grey[is_padding(ds)] = 0.0
    return grey


def modality_values(ds: Dataset) -> Values:
    """Return the modality value of every possible stored value, lowest stored value first.

    A table wins over slope and intercept (PS3.3 C.11.1); of these, either may be missing.
    """
    stored = _stored_values(ds)
    if ds.get("ModalityLUTSequence"):
        return read_table(ds.ModalityLUTSequence[0], ds).look_up(stored)
    slope, intercept = ds.get("RescaleSlope"), ds.get("RescaleIntercept")
    return np.asarray(
        stored * float(1 if slope is None else slope) + float(intercept or 0), dtype=np.float64
    )


def stored_range(ds: Dataset) -> tuple[int, int]:
    """Return the lowest and highest stored value that BitsStored allows."""
    bits = int(ds.BitsStored)
    return (
        (-(1 << bits - 1), (1 << bits - 1) - 1) if ds.PixelRepresentation else (0, (1 << bits) - 1)
    )


def is_inverse(ds: Dataset) -> bool:
    """Return whether low values are bright; MONOCHROME1 with INVERSE is one inversion, not two."""
    is_monochrome1 = bool(ds.get("PhotometricInterpretation") == "MONOCHROME1")
    return is_monochrome1 or bool(ds.get("PresentationLUTShape") == "INVERSE")


def is_padding(ds: Dataset) -> npt.NDArray[np.bool_]:
    """Return of every possible stored value whether it is no pixel (PS3.3 C.7.5.1.1.2)."""
    stored = _stored_values(ds)
    value = ds.get("PixelPaddingValue")
    if value is None:
        return np.zeros(stored.shape, dtype=bool)
    limit = ds.get("PixelPaddingRangeLimit", value)
    return np.asarray((stored >= min(value, limit)) & (stored <= max(value, limit)))


def window_function(values: npt.ArrayLike, centre: float, width: float, function: str) -> Values:
    """Map a window onto [0, 1] (PS3.3 C.11.2.1.2-3).

    Raises
    ------
    ValueError
        The function is none of the Standard's, or the width too small for it.
    """
    window = Dataset()  # one unsigned bit, so that pydicom's output range is 0 to 1
    window.BitsStored, window.PixelRepresentation = 1, 0
    window.PhotometricInterpretation = "MONOCHROME2"
    window.WindowCenter = DSfloat(centre, auto_format=True)
    window.WindowWidth = DSfloat(width, auto_format=True)
    window.VOILUTFunction = function
    with np.errstate(over="ignore"):  # far below a SIGMOID's centre: infinite, and so black
        return np.asarray(apply_windowing(np.asarray(values), window), dtype=np.float64)


def _stored_values(ds: Dataset) -> npt.NDArray[np.int64]:
    lowest, highest = stored_range(ds)
    return np.arange(lowest, highest + 1, dtype=np.int64)


def _offered(ds: Dataset) -> Iterator[Preset]:
    yield from _tables(ds)
    yield from _windows(ds)


def _tables(ds: Dataset) -> Iterator[Preset]:
    for position, item in enumerate(ds.get("VOILUTSequence") or ()):
        yield Preset(
            kind=PresetKind.VOI_LUT,
            name=str(item.get("LUTExplanation") or f"Table {position + 1}"),
            position=position,
            centre=None,
            width=None,
            function="",
        )


def _windows(ds: Dataset) -> Iterator[Preset]:
    """Give the windows whose width the Standard allows; an unknown function counts as LINEAR."""
    function = str(ds.get("VOILUTFunction") or "LINEAR")
    function = function if function in LEAST_WIDTHS else "LINEAR"
    names = _several(ds, "WindowCenterWidthExplanation")
    pairs = zip(_several(ds, "WindowCenter"), _several(ds, "WindowWidth"), strict=False)
    for position, (centre, width) in enumerate(pairs):
        if not float(width) >= LEAST_WIDTHS[function]:
            continue
        yield Preset(
            kind=PresetKind.WINDOW,
            name=str(names[position]) if position < len(names) else f"Window {position + 1}",
            position=position,
            centre=float(centre),
            width=float(width),
            function=function,
        )


def _full_range(ds: Dataset) -> Preset:
    values = modality_values(ds)
    low, high = float(values.min()), float(values.max())
    return Preset(
        kind=PresetKind.FULL_RANGE,
        name="Full range",
        position=0,
        centre=(low + high) / 2,
        width=max(high - low, 1.0),
        function="LINEAR_EXACT",
    )


def _voi(ds: Dataset, values: Values, preset: Preset) -> Values:
    """Return the VOI stage of a preset scaled to [0, 1]."""
    if preset.kind is PresetKind.VOI_LUT:
        table = read_table(ds.VOILUTSequence[preset.position], ds)
        return table.look_up(np.floor(values)) / (2.0**table.bits - 1)
    if preset.kind is PresetKind.FULL_RANGE:
        low, high = values.min(), values.max()
        return (values - low) / (high - low) if high > low else np.zeros_like(values)
    if preset.centre is None or preset.width is None:
        raise ValueError("a window has centre and width")
    return window_function(values, preset.centre, preset.width, preset.function)


def _several(ds: Dataset, keyword: str) -> list[str | float]:
    """Return the values of an element of multiplicity 1-n."""
    value = ds.get(keyword)
    if value is None or value == "":
        return []
    return list(value) if isinstance(value, MultiValue | list | tuple) else [value]
