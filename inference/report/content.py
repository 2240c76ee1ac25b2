"""The kinds of content items that our reports hold, each made and checked by highdicom.

highdicom has no place for the Image Library entries of flawed headers, for TID 1500 row 12, nor for
a visual explanation, so the trees are put together here from its single items. Items that never
change are written once and taken over as bytes (`Prepared`): writing is what costs the time, and
nothing of a patient can stay behind in a part that holds only what is the same for all.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from struct import Struct

from highdicom.sr import RelationshipTypeValues as Relation
from highdicom.sr.coding import CodedConcept
from highdicom.sr.value_types import (
    CodeContentItem,
    ContainerContentItem,
    ContentItem,
    ContentSequence,
    ImageContentItem,
    NumContentItem,
    TextContentItem,
    UIDRefContentItem,
)
from pydicom.charset import python_encoding
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from pydicom.tag import Tag

from inference.report.evidence import CHARACTER_SET, ObjectReference

_CONTENT = Tag("ContentSequence")
_ENCODING = python_encoding[CHARACTER_SET]
_ITEM = Struct("<HHL")  # tag of an item and its length (PS3.5 7.5.1)


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """Content items that are already written, checked when they were."""

    encoded: bytes


def prepare(items: Iterable[ContentItem]) -> Prepared:
    """Check items and write them as they stand in a Content Sequence."""
    return Prepared(encoded=_written(list(items)))


def container(
    name: CodedConcept,
    content: Iterable[ContentItem | Prepared],
    *,
    relation: Relation | None = Relation.CONTAINS,
    template: str | None = None,
) -> ContainerContentItem:
    """Make a container with its items, which are written here; the root has no relation."""
    item = ContainerContentItem(name, template_id=template, relationship_type=relation)
    encoded = b"".join(
        part.encoded if isinstance(part, Prepared) else _written([part]) for part in content
    )
    item[_CONTENT] = RawDataElement(_CONTENT, "SQ", len(encoded), encoded, 0, False, True)
    return item


def _written(items: list[ContentItem]) -> bytes:
    """Items in explicit VR little endian and UTF-8, each with its length (PS3.5 7.5.1)."""
    parts = []
    for item in ContentSequence(items):
        buffer = DicomBytesIO()
        buffer.is_implicit_VR, buffer.is_little_endian = False, True
        mark_as_ours(item)
        write_dataset(buffer, item, parent_encoding=_ENCODING)
        content = buffer.getvalue()
        parts.append(_ITEM.pack(0xFFFE, 0xE000, len(content)) + content)
    return b"".join(parts)


def mark_as_ours(ds: Dataset) -> None:
    """Tell pydicom that a data set is in the encoding that it will be written in.

    Else every level of the tree is searched again for elements of ambiguous VR, of which there is
    none in a report, and what is already written is read back to be written again.
    """
    ds.set_original_encoding(False, True, ds._character_set)
    for element in ds.elements():
        if isinstance(element, DataElement) and element.VR == "SQ":
            for item in element.value:
                mark_as_ours(item)


def code(
    name: CodedConcept, value: CodedConcept, *, relation: Relation = Relation.CONTAINS
) -> CodeContentItem:
    """Make a coded statement."""
    return CodeContentItem(name, value, relation)


def text(
    name: CodedConcept, value: str, *, relation: Relation = Relation.CONTAINS
) -> TextContentItem:
    """Make a statement in words."""
    return TextContentItem(name, value, relation)


def number(
    name: CodedConcept,
    value: float,
    unit: CodedConcept,
    *,
    relation: Relation = Relation.CONTAINS,
    inferred_from: Iterable[ContentItem] = (),
) -> NumContentItem:
    """Make a measured value, with the images it was inferred from."""
    item = NumContentItem(name, value, unit, relationship_type=relation)
    children = list(inferred_from)
    if children:
        item.ContentSequence = ContentSequence(children)
    return item


def image(
    name: CodedConcept, reference: ObjectReference, *, relation: Relation = Relation.CONTAINS
) -> ImageContentItem:
    """Make a reference to an image."""
    return ImageContentItem(
        name,
        reference.sop_class_uid,
        reference.key.sop_instance_uid,
        relationship_type=relation,
    )


def uid(name: CodedConcept, value: str, *, relation: Relation) -> UIDRefContentItem:
    """Make an item that holds a UID."""
    return UIDRefContentItem(name, value, relation)


def with_children(item: ContentItem, children: Iterable[ContentItem]) -> ContentItem:
    """Return the item with children below it; none leaves it without a Content Sequence."""
    content = list(children)
    if content:
        item.ContentSequence = ContentSequence(content)
    return item
