"""The kinds of content items that our reports hold, each made and checked by highdicom.

highdicom has no place for the Image Library entries of flawed headers, for TID 1500 row 12, nor for
a visual explanation, so the trees are put together here from its single items.
"""

from collections.abc import Iterable

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

from inference.report.evidence import ObjectReference


def container(
    name: CodedConcept,
    content: Iterable[ContentItem],
    *,
    relation: Relation | None = Relation.CONTAINS,
    template: str | None = None,
) -> ContainerContentItem:
    """Make a container with its items; the root has no relation."""
    item = ContainerContentItem(name, template_id=template, relationship_type=relation)
    item.ContentSequence = ContentSequence(list(content))
    return item


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
