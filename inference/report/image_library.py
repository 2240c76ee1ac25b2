"""Image Library (TID 1600) of the analysed images, with the descriptors that their headers have.

Every row of TID 1602 and 1603 is optional, and real CR headers lack several; highdicom's own
library wants them all.
"""

from collections.abc import Iterable, Iterator

from highdicom.sr import RelationshipTypeValues as Relation
from highdicom.sr.value_types import ContainerContentItem, ContentItem
from pydicom.dataset import Dataset

from inference import header
from inference.report import codes
from inference.report.content import code, container, image, number, text, with_children
from inference.report.evidence import reference_to

_CONTEXT = Relation.HAS_ACQ_CONTEXT
# CID 29 holds the modalities that acquire; OT, which secondary captures name, is none.
_MODALITIES = {
    "CR": codes.COMPUTED_RADIOGRAPHY,
    "DX": codes.DIGITAL_RADIOGRAPHY,
}


def image_library(sources: Iterable[Dataset]) -> ContainerContentItem:
    """Library with one group that lists every image."""
    entries = (
        with_children(image(codes.SOURCE, reference_to(ds)), _descriptors(ds)) for ds in sources
    )
    group = container(codes.IMAGE_LIBRARY_GROUP, entries)
    return container(codes.IMAGE_LIBRARY, [group])


def _descriptors(ds: Dataset) -> Iterator[ContentItem]:
    modality = _MODALITIES.get(header.text(ds, "Modality"))
    if modality:
        yield code(codes.MODALITY, modality, relation=_CONTEXT)
    for name, keyword in (
        (codes.PIXEL_DATA_ROWS, "Rows"),
        (codes.PIXEL_DATA_COLUMNS, "Columns"),
    ):
        pixels = header.whole_number(ds, keyword)
        if pixels:
            yield number(name, pixels, codes.PIXELS, relation=_CONTEXT)
    yield from _orientation(ds)
    yield from _spacing(ds)


def _orientation(ds: Dataset) -> Iterator[ContentItem]:
    values = header.texts(ds, "PatientOrientation")
    if len(values) == 2:
        yield text(codes.PATIENT_ORIENTATION_ROW, values[0], relation=_CONTEXT)
        yield text(codes.PATIENT_ORIENTATION_COLUMN, values[1], relation=_CONTEXT)


def _spacing(ds: Dataset) -> Iterator[ContentItem]:
    """Imager Pixel Spacing (0018,1164): row spacing is vertical, column spacing horizontal."""
    spacing = header.positive_numbers(ds, "ImagerPixelSpacing")
    if len(spacing) == 2:
        vertical_mm, horizontal_mm = spacing
        yield number(
            codes.HORIZONTAL_PIXEL_SPACING, horizontal_mm, codes.MILLIMETER, relation=_CONTEXT
        )
        yield number(codes.VERTICAL_PIXEL_SPACING, vertical_mm, codes.MILLIMETER, relation=_CONTEXT)
