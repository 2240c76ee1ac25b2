"""Parts that every tree of ours begins with: language, observer, procedure, algorithm."""

from functools import lru_cache

from highdicom.sr import RelationshipTypeValues as Relation
from highdicom.sr.value_types import ContainerContentItem, ContentItem
from pydicom.dataset import Dataset

from inference.report import codes
from inference.report.author import MANUFACTURER, Author
from inference.report.content import Prepared, code, container, prepare, text, uid
from inference.report.words import Language

# Models and languages of one process.
PREPARED_AUTHORS = 8
PREPARED_COMMENTS = 256
_CONTEXT = Relation.HAS_OBS_CONTEXT
_MODIFIER = Relation.HAS_CONCEPT_MOD


def report_tree(author: Author, *parts: ContainerContentItem) -> ContainerContentItem:
    """Make the root of a Measurement Report (TID 1500) with what stands first in every one."""
    return container(
        codes.IMAGING_MEASUREMENT_REPORT,
        [_beginning(author), *parts],
        relation=None,
        template="1500",
    )


@lru_cache(maxsize=PREPARED_AUTHORS)
def _beginning(author: Author) -> Prepared:
    """Language (TID 1204), observer (TID 1001, 1004) and procedure."""
    observer = (
        (codes.DEVICE_OBSERVER_NAME, MANUFACTURER),
        (codes.DEVICE_OBSERVER_MANUFACTURER, MANUFACTURER),
        (codes.DEVICE_OBSERVER_MODEL_NAME, f"{author.model.name} {author.model.version}"),
        (codes.DEVICE_OBSERVER_SERIAL_NUMBER, author.device_serial_number),
    )
    procedure = author.procedure.concept if author.procedure else codes.IMAGING_PROCEDURE
    return prepare(
        [
            code(codes.LANGUAGE, codes.LANGUAGES[author.language], relation=_MODIFIER),
            code(codes.OBSERVER_TYPE, codes.DEVICE, relation=_CONTEXT),
            uid(codes.DEVICE_OBSERVER_UID, author.device_uid, relation=_CONTEXT),
            *(text(name, value, relation=_CONTEXT) for name, value in observer),
            code(codes.PROCEDURE_REPORTED, procedure, relation=_MODIFIER),
        ]
    )


@lru_cache(maxsize=PREPARED_AUTHORS)
def algorithm(author: Author) -> Prepared:
    """Write what was looked at and with what: site and Algorithm Identification (TID 4019)."""
    parameters = (
        text(codes.ALGORITHM_PARAMETERS, parameter, relation=_MODIFIER)
        for parameter in author.algorithm_parameters
    )
    return prepare(
        [
            code(codes.FINDING_SITE, codes.LUNG, relation=_MODIFIER),
            text(codes.ALGORITHM_NAME, author.model.name, relation=_MODIFIER),
            text(codes.ALGORITHM_VERSION, author.model.version, relation=_MODIFIER),
            *parameters,
            code(codes.ALGORITHM_FAMILY, codes.ARTIFICIAL_INTELLIGENCE, relation=_MODIFIER),
        ]
    )


def language_of(report: Dataset) -> Language:
    """Read in which language a report of ours speaks (TID 1204, its first item)."""
    return Language(str(report.ContentSequence[0].ConceptCodeSequence[0].CodeValue))


def evaluations(*content: ContentItem | Prepared) -> ContainerContentItem:
    """Make the Qualitative Evaluations (TID 1500 row 12): CODE and TEXT only."""
    return container(codes.QUALITATIVE_EVALUATIONS, content)


@lru_cache(maxsize=PREPARED_COMMENTS)
def comment(sentence: str) -> Prepared:
    """Write a sentence that many reports hold; never one about a single patient."""
    return prepare([text(codes.COMMENT, sentence)])
