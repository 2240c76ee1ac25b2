"""A radiologist's decision as a successor of the AI result: COMPLETE, VERIFIED, FINAL.

The AI result is read and never changed. The only place of the house that makes VERIFIED documents;
it knows no torch, so that the web process may use it.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime

from highdicom.sr import CodedConcept
from highdicom.sr import RelationshipTypeValues as Relation
from highdicom.sr.value_types import (
    ContainerContentItem,
    ContentItem,
    ContentSequence,
    PnameContentItem,
)
from pydicom.dataset import Dataset
from pydicom.uid import Comprehensive3DSRStorage

from archive.records import Presence
from inference.report import codes, words
from inference.report.content import code, container, text, with_children
from inference.report.decisions import (
    Decision,
    DecisionInvalid,
    ReviewDecision,
    Reviewer,
    check_reviewer,
    presence_decided,
)
from inference.report.document import add_times, file_meta
from inference.report.evidence import (
    CHARACTER_SET,
    ObjectReference,
    hierarchy,
    patient_and_study,
)
from inference.report.observation import language_of
from inference.report.rejection_note import TITLES
from inference.report.uids import Kind, derive

SERIES_NUMBER = 9903
REVIEW_CONCLUSIONS = {
    ReviewDecision.ACCEPTED: codes.AGREEMENT,
    ReviewDecision.REJECTED: codes.DISAGREEMENT,
    ReviewDecision.CORRECTED: codes.DISAGREEMENT,
}
_CONTEXT = Relation.HAS_OBS_CONTEXT
_ALGORITHM = frozenset(
    one.value
    for one in (
        codes.ALGORITHM_NAME,
        codes.ALGORITHM_VERSION,
        codes.ALGORITHM_PARAMETERS,
        codes.ALGORITHM_FAMILY,
    )
)
# Of the AI result's header, what says who made the numbers and what they are made from.
_TAKEN_OVER = (
    "InstitutionName",
    "Manufacturer",
    "ManufacturerModelName",
    "DeviceSerialNumber",
    "DeviceUID",
    "SoftwareVersions",
    "ContributingEquipmentSequence",
    "CurrentRequestedProcedureEvidenceSequence",
    "ReferencedRequestSequence",
    "PerformedProcedureCodeSequence",
    "ReferencedPerformedProcedureStepSequence",
)
_PRESENCES = {concept.value: presence for presence, concept in codes.PRESENCE.items()}


def review(
    ai_result: Dataset,
    decision: Decision,
    *,
    made_at: datetime,
    predecessor: ObjectReference | None,
) -> Dataset:
    """Build the document of a decision; a pure function, a repeat makes the same object.

    Parameters
    ----------
    ai_result
        Our own AI result, as it was sent; also one that says that the study was not analysed.
    predecessor
        The document that this one follows: the AI result, or an earlier review.

    Raises
    ------
    DecisionInvalid
        The decision does not fit the result, or names no person.
    """
    check_reviewer(decision.reviewer)
    presence = presence_decided(decision, presence_in(ai_result))
    ds = patient_and_study(ai_result)
    for keyword in _TAKEN_OVER:
        if keyword in ai_result:
            ds[keyword] = ai_result[keyword]
    _identify(ds, ai_result, decision)
    ds.CompletionFlag = "COMPLETE"
    ds.PreliminaryFlag = "FINAL"
    add_times(ds, ai_result, made_at)
    _verify(ds, decision.reviewer)
    if predecessor is not None:
        ds.PredecessorDocumentsSequence = hierarchy([predecessor])
    ds.update(_tree(ai_result, decision, presence))
    ds.file_meta = file_meta(ds)
    return ds


def presence_in(report: Dataset) -> Presence | None:
    """Read what an AI result or a review says of pneumonia; None where it says nothing."""
    for item in _evaluations(report):
        if _name(item) == codes.PNEUMONIA.value:
            return _PRESENCES[str(item.ConceptCodeSequence[0].CodeValue)]
    return None


def _identify(ds: Dataset, ai_result: Dataset, decision: Decision) -> None:
    ds.SOPClassUID = Comprehensive3DSRStorage
    ds.SOPInstanceUID = derive(Kind.REVIEW, ai_result.SOPInstanceUID, decision.review_id)
    ds.SeriesInstanceUID = derive(Kind.SERIES_OF_REVIEWS, ai_result.SeriesInstanceUID)
    ds.SpecificCharacterSet = CHARACTER_SET
    ds.Modality = "SR"
    ds.SeriesNumber = SERIES_NUMBER
    ds.SeriesDescription = words.REVIEW_SERIES_DESCRIPTION[language_of(ai_result)]
    ds.InstanceNumber = 1


def _verify(ds: Dataset, reviewer: Reviewer) -> None:
    """Make the document VERIFIED by a person (PS3.3 C.17.2)."""
    ds.VerificationFlag = "VERIFIED"
    observer = Dataset()
    observer.VerifyingObserverName = reviewer.name
    observer.VerifyingOrganization = reviewer.organization
    observer.VerificationDateTime = f"{ds.ContentDate}{ds.ContentTime}{ds.TimezoneOffsetFromUTC}"
    observer.VerifyingObserverIdentificationCodeSequence = []
    ds.VerifyingObserverSequence = [observer]


def _tree(ai_result: Dataset, decision: Decision, presence: Presence) -> ContainerContentItem:
    """Repeat the AI result's tree with the person as an observer and the person's evaluation."""
    containers = {_name(item): item for item in ai_result.ContentSequence if _is_container(item)}
    library = containers.get(codes.IMAGE_LIBRARY.value)
    measurements = containers.get(codes.IMAGING_MEASUREMENTS.value)
    groups = [] if measurements is None else list(measurements.ContentSequence)
    repeated = [_group(group, decision, presence, is_only=len(groups) == 1) for group in groups]
    first, *others = _beginning(ai_result)  # the language goes before every observer
    return container(
        codes.IMAGING_MEASUREMENT_REPORT,
        [
            first,
            *_person(decision.reviewer),
            *others,
            *_taken_over([] if library is None else [library]),
            *([container(codes.IMAGING_MEASUREMENTS, repeated)] if repeated else []),
            _evaluated(ai_result, decision, presence),
        ],
        relation=None,
        template="1500",
    )


def _evaluated(ai_result: Dataset, decision: Decision, presence: Presence) -> ContainerContentItem:
    """Say what stands now, and what became of the AI result if there was one."""
    conclusion = _conclusion(decision)
    has_conclusion = conclusion is not None and presence_in(ai_result) is not None
    return container(
        codes.QUALITATIVE_EVALUATIONS,
        [
            code(codes.PNEUMONIA, codes.PRESENCE[presence]),
            *([code(codes.CONCLUSION, conclusion)] if conclusion and has_conclusion else []),
            text(codes.SUMMARY, _summary(ai_result, decision, presence)),
            *([text(codes.COMMENT, decision.comment)] if decision.comment.strip() else []),
        ],
    )


def _conclusion(decision: Decision) -> CodedConcept | None:
    """Name what became of the AI result; a withdrawal as the rejection note names it."""
    if decision.decision is not ReviewDecision.WITHDRAWN:
        return REVIEW_CONCLUSIONS.get(decision.decision)
    if decision.withdrawal is None:
        raise DecisionInvalid("a withdrawal says why")
    return TITLES[decision.withdrawal]


def _person(reviewer: Reviewer) -> Iterator[ContentItem]:
    """Name the person who looked (TID 1003)."""
    yield code(codes.OBSERVER_TYPE, codes.PERSON, relation=_CONTEXT)
    yield PnameContentItem(codes.PERSON_OBSERVER_NAME, reviewer.name, _CONTEXT)
    yield text(codes.PERSON_OBSERVER_LOGIN, reviewer.login, relation=_CONTEXT)
    yield text(codes.PERSON_OBSERVER_ORGANIZATION, reviewer.organization, relation=_CONTEXT)
    yield code(codes.PERSON_OBSERVER_ROLE, codes.VERIFYING, relation=_CONTEXT)


def _group(
    group: Dataset, decision: Decision, presence: Presence, *, is_only: bool
) -> ContainerContentItem:
    """Repeat one image's group; the machine is named at its numbers, not at the group.

    With several images a decision speaks of the study, so an image keeps its finding only where the
    person agreed, and gains one only where it is alone.
    """
    items = list(group.ContentSequence)
    algorithm = [item for item in items if _name(item) in _ALGORITHM]
    had_finding = any(_name(item) == codes.FINDING.value for item in items)
    is_accepted = decision.decision is ReviewDecision.ACCEPTED
    has_finding = had_finding if is_accepted else is_only and presence is Presence.PRESENT
    content: list[ContentItem] = []
    for item in items:
        if _name(item) == codes.FINDING_SITE.value and has_finding:
            content.append(code(codes.FINDING, codes.PNEUMONIA))
        if item.ValueType == "NUM":
            (number,) = _taken_over([item])
            children = [*_taken_over(item.ContentSequence), *_taken_over(algorithm)]
            content.append(with_children(number, children))
        elif _name(item) not in _ALGORITHM | {codes.FINDING.value}:
            content += _taken_over([item])
    return container(codes.MEASUREMENT_GROUP, content, template="1501")


def _summary(ai_result: Dataset, decision: Decision, presence: Presence) -> str:
    language = language_of(ai_result)
    shown = words.PRESENCE[language][presence]
    if presence_in(ai_result) is None:
        return words.REVIEW_WITHOUT_RESULT[language].format(presence=shown)
    evaluations = _evaluations(ai_result)
    (said,) = (str(item.TextValue) for item in evaluations if _name(item) == codes.SUMMARY.value)
    became = words.REVIEW_DECISIONS[language][decision.decision]
    return words.REVIEW_SUMMARY[language].format(presence=shown, decision=became, ai=said)


def _beginning(report: Dataset) -> list[ContentItem]:
    """Take over what stands before the first container: language, device, procedure."""
    return _taken_over(item for item in report.ContentSequence if not _is_container(item))


def _taken_over(items: Iterable[Dataset]) -> list[ContentItem]:
    """Copy items of the AI result, checked by highdicom again."""
    checked = ContentSequence.from_sequence(list(items))
    return [item for item in checked if isinstance(item, ContentItem)]


def _evaluations(report: Dataset) -> list[Dataset]:
    for item in report.ContentSequence:
        if _name(item) == codes.QUALITATIVE_EVALUATIONS.value:
            return list(item.ContentSequence)
    return []


def _is_container(item: Dataset) -> bool:
    return bool(item.ValueType == "CONTAINER")


def _name(item: Dataset) -> str:
    return str(item.ConceptNameCodeSequence[0].CodeValue)
