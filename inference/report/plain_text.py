"""A structured report as indented text, every value with its concept's name beside it."""

from collections.abc import Callable, Iterator

from pydicom import Dataset

INDENT = "  "


def as_text(ds: Dataset) -> str:
    """Return the content tree of a structured report (PS3.3 C.17.3) as lines of text."""
    return "\n".join(_lines(ds, depth=0))


def _lines(item: Dataset, depth: int) -> Iterator[str]:
    value = _VALUES.get(item.ValueType, lambda _: "")(item)
    name = _meaning(item, "ConceptNameCodeSequence")
    words = ": ".join(part for part in (name or item.ValueType.lower(), value) if part)
    yield INDENT * depth + words
    for child in item.get("ContentSequence") or ():
        if "ValueType" in child:
            yield from _lines(child, depth + 1)


def _meaning(item: Dataset, keyword: str) -> str:
    codes = item.get(keyword)
    return str(codes[0].get("CodeMeaning", "")) if codes else ""


def _number(item: Dataset) -> str:
    measured = item.get("MeasuredValueSequence")
    if not measured:
        return "no value"
    unit = measured[0].MeasurementUnitsCodeSequence[0].CodeValue
    return f"{measured[0].NumericValue} {unit}"


def _image(item: Dataset) -> str:
    return str(item.ReferencedSOPSequence[0].ReferencedSOPInstanceUID)


_VALUES: dict[str, Callable[[Dataset], str]] = {
    "TEXT": lambda item: str(item.TextValue),
    "CODE": lambda item: _meaning(item, "ConceptCodeSequence"),
    "NUM": _number,
    "UIDREF": lambda item: str(item.UID),
    "PNAME": lambda item: str(item.PersonName),
    "DATE": lambda item: str(item.Date),
    "TIME": lambda item: str(item.Time),
    "DATETIME": lambda item: str(item.DateTime),
    "IMAGE": _image,
    "COMPOSITE": _image,
}
