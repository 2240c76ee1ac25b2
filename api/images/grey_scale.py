"""Tables from every possible stored value to displayed grey (PS3.3 C.11.1, C.11.2, C.11.6).

Order: modality LUT or rescale, VOI LUT or window, then inversion for MONOCHROME1 or an INVERSE
presentation LUT shape; padding is black. The first preset is what the model saw as well.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt
from pydicom import Dataset
from pydicom.pixels.processing import apply_rescale, apply_windowing

from api.images.lookup import read_table

# Every 16-bit pattern has an entry; signed values stand at their two's complement pattern.
TABLE_LENGTH = 1 << 16
WHITE = 255.0
# So many widths outside a window, pydicom gives the ends of its output range.
FAR_WIDTHS = 100

Grey = npt.NDArray[np.uint8]


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
    found = [*_tables(ds), *_windows(ds)]
    if found:
        return tuple(found)
    low, high = modality_range(ds)
    return (
        Preset(
            kind=PresetKind.FULL_RANGE,
            name="Full range",
            position=0,
            centre=(low + high) / 2,
            width=max(high - low, 1.0),
            function="LINEAR_EXACT",
        ),
    )


def grey_table(ds: Dataset, preset: Preset) -> Grey:
    """Return the grey of every stored value.

    Returns
    -------
    numpy.ndarray
        (65536,), uint8, 0 is black; the index is the value's 16-bit pattern.
    """
    values = modality_table(ds)
    grey = np.clip(_voi(ds, values, preset), 0.0, 1.0)
    if is_inverse(ds):
        grey = 1.0 - grey
    table = np.floor(grey * WHITE + 0.5).astype(np.uint8)
    table[is_padding(ds)] = 0
    return table


def modality_table(ds: Dataset) -> npt.NDArray[np.float64]:
    """Return the modality value of every 16-bit pattern; patterns beyond BitsStored are clipped."""
    stored = _stored_values(ds)
    if ds.get("ModalityLUTSequence"):
        return read_table(ds.ModalityLUTSequence[0], ds).look_up(stored)
    return np.asarray(apply_rescale(stored, ds), dtype=np.float64)


def modality_range(ds: Dataset) -> tuple[float, float]:
    """Return the lowest and highest modality value that the stored bits can have."""
    values = modality_table(ds)
    return float(values.min()), float(values.max())


def is_inverse(ds: Dataset) -> bool:
    """Return whether low values are bright; MONOCHROME1 with INVERSE is one inversion, not two."""
    is_monochrome1 = bool(ds.get("PhotometricInterpretation") == "MONOCHROME1")
    return is_monochrome1 or bool(ds.get("PresentationLUTShape") == "INVERSE")


def padding_limits(ds: Dataset) -> tuple[int, int] | None:
    """Return the lowest and highest stored value that is no pixel (PS3.3 C.7.5.1.1.2)."""
    value = ds.get("PixelPaddingValue")
    if value is None:
        return None
    limit = ds.get("PixelPaddingRangeLimit", value)
    return min(value, limit), max(value, limit)


def _stored_values(ds: Dataset) -> npt.NDArray[np.int32]:
    """Return the stored value of every 16-bit pattern, kept inside what BitsStored allows."""
    patterns = np.arange(TABLE_LENGTH, dtype=np.uint16)
    bits = int(ds.BitsStored)
    if ds.PixelRepresentation:
        values = patterns.view(np.int16).astype(np.int32)
        return values.clip(-(1 << (bits - 1)), (1 << (bits - 1)) - 1)
    return patterns.astype(np.int32).clip(0, (1 << bits) - 1)


def _tables(ds: Dataset) -> Iterable[Preset]:
    for position, item in enumerate(ds.get("VOILUTSequence") or ()):
        yield Preset(
            kind=PresetKind.VOI_LUT,
            name=str(item.get("LUTExplanation") or f"Table {position + 1}"),
            position=position,
            centre=None,
            width=None,
            function="",
        )


def _windows(ds: Dataset) -> Iterable[Preset]:
    centres, widths = _numbers(ds, "WindowCenter"), _numbers(ds, "WindowWidth")
    names = _texts(ds, "WindowCenterWidthExplanation")
    function = str(ds.get("VOILUTFunction") or "LINEAR")
    if function not in ("LINEAR", "LINEAR_EXACT", "SIGMOID"):
        function = "LINEAR"
    for position, (centre, width) in enumerate(zip(centres, widths, strict=False)):
        if width < (1 if function == "LINEAR" else np.finfo(float).tiny):
            continue
        name = names[position] if position < len(names) else f"Window {position + 1}"
        yield Preset(
            kind=PresetKind.WINDOW,
            name=name,
            position=position,
            centre=centre,
            width=width,
            function=function,
        )


def _voi(ds: Dataset, values: npt.NDArray[np.float64], preset: Preset) -> npt.NDArray[np.float64]:
    """Return the VOI stage of a preset scaled to [0, 1]."""
    if preset.kind is PresetKind.VOI_LUT:
        table = read_table(ds.VOILUTSequence[preset.position], ds)
        return table.look_up(np.floor(values)) / (2.0**table.bits - 1)
    if preset.kind is PresetKind.FULL_RANGE:
        low, high = values.min(), values.max()
        return (values - low) / (high - low) if high > low else np.zeros_like(values)
    if preset.centre is None or preset.width is None:
        raise ValueError("a window has centre and width")
    one = _one_window(ds, preset)
    shown = apply_windowing(values, one)
    ends = np.array([-FAR_WIDTHS, FAR_WIDTHS]) * preset.width + preset.centre
    low, high = apply_windowing(ends, one)
    return np.asarray((shown - low) / (high - low), dtype=np.float64)


def _one_window(ds: Dataset, preset: Preset) -> Dataset:
    """Return what pydicom needs for a window, without what would make it refuse."""
    one = Dataset()
    for keyword in ("BitsStored", "PixelRepresentation", "PhotometricInterpretation"):
        setattr(one, keyword, ds[keyword].value)
    one.WindowCenter, one.WindowWidth = preset.centre, preset.width
    one.VOILUTFunction = preset.function
    return one


def is_padding(ds: Dataset) -> npt.NDArray[np.bool_]:
    """Return of every 16-bit pattern whether it is padding and no pixel."""
    limits = padding_limits(ds)
    if limits is None:
        return np.zeros(TABLE_LENGTH, dtype=bool)
    values = _stored_values(ds)
    return np.asarray((values >= limits[0]) & (values <= limits[1]))


def _numbers(ds: Dataset, keyword: str) -> list[float]:
    value = ds.get(keyword)
    if value is None or value == "":
        return []
    return [float(one) for one in (value if _is_several(value) else [value])]


def _texts(ds: Dataset, keyword: str) -> list[str]:
    value = ds.get(keyword)
    if not value:
        return []
    return [str(one) for one in (value if _is_several(value) else [value])]


def _is_several(value: object) -> bool:
    return not isinstance(value, str | int | float)
