"""Looks into content trees the way a reader does: by the meanings of concept names."""

from collections.abc import Iterator

from pydicom.dataset import Dataset


def walk(item: Dataset) -> Iterator[Dataset]:
    """Every item below `item`, depth first."""
    for child in item.get("ContentSequence", []):
        yield child
        yield from walk(child)


def name_of(item: Dataset) -> str:
    return str(item.ConceptNameCodeSequence[0].CodeMeaning)


def named(root: Dataset, meaning: str) -> list[Dataset]:
    return [item for item in walk(root) if name_of(item) == meaning]


def code_of(item: Dataset) -> tuple[str, str]:
    code = item.ConceptCodeSequence[0]
    return str(code.CodeValue), str(code.CodingSchemeDesignator)


def texts_of(root: Dataset, meaning: str) -> list[str]:
    return [str(item.TextValue) for item in named(root, meaning)]


def number_of(item: Dataset) -> float:
    return float(item.MeasuredValueSequence[0].NumericValue)


def referenced(item: Dataset) -> str:
    return str(item.ReferencedSOPSequence[0].ReferencedSOPInstanceUID)
