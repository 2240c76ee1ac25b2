"""Reads elements of real-world headers and never raises: what cannot be read is absent.

Knows neither pixels nor our own objects; eligibility and the report read headers through here.
"""

import re
import struct
from datetime import date
from typing import Any

from pydicom.dataset import Dataset
from pydicom.multival import MultiValue

# What pydicom raises when it converts a malformed value on access.
MALFORMED = (
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    NotImplementedError,
    OverflowError,
    struct.error,
)
# PS3.5 section 6.2, VR AS.
_AGE = re.compile(r"(\d{3})([DWMY])")
_DAYS_PER_UNIT = {"D": 1.0, "W": 7.0, "M": 365.25 / 12, "Y": 365.25}
_DAYS_PER_YEAR = 365.25
_DATE = re.compile(r"(\d{4})(\d{2})(\d{2})")
OLDEST_CREDIBLE_YEARS = 130


def value_of(ds: Dataset, keyword: str) -> Any:  # pydicom values have no common type
    """Return the value of an element, or None where it is absent, empty or malformed."""
    try:
        value = ds.get(keyword)
        return None if value is None or str(value).strip(" \0") == "" else value
    except MALFORMED:
        return None


def texts(ds: Dataset, keyword: str) -> tuple[str, ...]:
    """Return every non-empty value of an element as text, without padding."""
    value = value_of(ds, keyword)
    if value is None or isinstance(value, bytes):
        return ()
    values = list(value) if isinstance(value, (MultiValue, list, tuple)) else [value]
    stripped = (str(single).strip(" \0") for single in values if single is not None)
    return tuple(single for single in stripped if single)


def text(ds: Dataset, keyword: str) -> str:
    """Return the first non-empty value of an element as text; empty where there is none."""
    return next(iter(texts(ds, keyword)), "")


def whole_number(ds: Dataset, keyword: str) -> int | None:
    """Return the first value of an element as an integer, or None."""
    try:
        return int(text(ds, keyword))
    except ValueError:
        return None


def items(ds: Dataset, keyword: str) -> tuple[Dataset, ...]:
    """Return the items of a sequence; none where it is absent or malformed."""
    try:
        sequence = ds.get(keyword)
        return tuple(item for item in sequence or () if isinstance(item, Dataset))
    except MALFORMED:
        return ()


def code_values(ds: Dataset, keyword: str) -> tuple[str, ...]:
    """Return the Code Values of a code sequence, whatever their scheme says."""
    return tuple(value for item in items(ds, keyword) if (value := text(item, "CodeValue")))


def age_years(ds: Dataset) -> float | None:
    """Return the patient's age when the study was made, in years; None where it is unknown.

    Patient's Age (0010,1010) stands before birth and study date: it is what was recorded then.
    """
    match = _AGE.fullmatch(text(ds, "PatientAge"))
    if match:
        return int(match[1]) * _DAYS_PER_UNIT[match[2]] / _DAYS_PER_YEAR
    born = _date(text(ds, "PatientBirthDate"))
    studied = _date(text(ds, "StudyDate")) or _date(text(ds, "SeriesDate"))
    if born is None or studied is None:
        return None
    years = (studied - born).days / _DAYS_PER_YEAR
    return years if 0 <= years <= OLDEST_CREDIBLE_YEARS else None


def _date(value: str) -> date | None:
    match = _DATE.fullmatch(value)
    if not match:
        return None
    try:
        return date(int(match[1]), int(match[2]), int(match[3]))
    except ValueError:
        return None


def positive_numbers(ds: Dataset, keyword: str) -> tuple[float, ...]:
    """Return the values of an element as numbers; none unless all are finite and above zero."""
    try:
        numbers = tuple(float(value) for value in texts(ds, keyword))
    except ValueError:
        return ()
    return numbers if all(0 < number < float("inf") for number in numbers) else ()
