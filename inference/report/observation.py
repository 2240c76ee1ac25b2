"""Parts that every tree of ours begins with: language, observer, procedure, algorithm."""

from collections.abc import Iterator

from highdicom.sr import RelationshipTypeValues as Relation
from highdicom.sr.value_types import ContainerContentItem, ContentItem

from inference.report import codes
from inference.report.author import MANUFACTURER, Author
from inference.report.content import code, container, text, uid

_CONTEXT = Relation.HAS_OBS_CONTEXT
_MODIFIER = Relation.HAS_CONCEPT_MOD


def report_tree(author: Author, *parts: ContainerContentItem) -> ContainerContentItem:
    """Root of a Measurement Report (TID 1500) with language, observer, procedure and the parts."""
    return container(
        codes.IMAGING_MEASUREMENT_REPORT,
        [
            code(codes.LANGUAGE, codes.LANGUAGES[author.language], relation=_MODIFIER),
            *_device_observer(author),
            code(codes.PROCEDURE_REPORTED, codes.IMAGING_PROCEDURE, relation=_MODIFIER),
            *parts,
        ],
        relation=None,
        template="1500",
    )


def _device_observer(author: Author) -> Iterator[ContentItem]:
    """Observer Context (TID 1001, 1004)."""
    yield code(codes.OBSERVER_TYPE, codes.DEVICE, relation=_CONTEXT)
    yield uid(codes.DEVICE_OBSERVER_UID, author.device_uid, relation=_CONTEXT)
    for name, value in (
        (codes.DEVICE_OBSERVER_NAME, MANUFACTURER),
        (codes.DEVICE_OBSERVER_MANUFACTURER, MANUFACTURER),
        (codes.DEVICE_OBSERVER_MODEL_NAME, f"{author.model.name} {author.model.version}"),
        (codes.DEVICE_OBSERVER_SERIAL_NUMBER, author.device_serial_number),
    ):
        yield text(name, value, relation=_CONTEXT)


def algorithm(author: Author) -> Iterator[ContentItem]:
    """Algorithm Identification (TID 4019)."""
    yield text(codes.ALGORITHM_NAME, author.model.name, relation=_MODIFIER)
    yield text(codes.ALGORITHM_VERSION, author.model.version, relation=_MODIFIER)
    for parameter in author.algorithm_parameters:
        yield text(codes.ALGORITHM_PARAMETERS, parameter, relation=_MODIFIER)
    yield code(codes.ALGORITHM_FAMILY, codes.ARTIFICIAL_INTELLIGENCE, relation=_MODIFIER)


def evaluations(*content: ContentItem) -> ContainerContentItem:
    """Qualitative Evaluations (TID 1500 row 12): CODE and TEXT only."""
    return container(codes.QUALITATIVE_EVALUATIONS, content)
