"""Reports as the pipeline would build them, one call each."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
from pydicom.dataset import Dataset

from archive.records import Finding, Presence, Refusal, SopInstanceUid, StudyState
from inference.explanation import HeatMap, draw
from inference.report.author import Author, author_of
from inference.report.decisions import Decision, ReviewDecision, Reviewer, Withdrawal
from inference.report.document import Placement, encode
from inference.report.evidence import ObjectReference, reference_to
from inference.report.heat_map import heat_map_image
from inference.report.not_analysed import not_analysed
from inference.report.refused import RefusedImage
from inference.report.review import review
from inference.report.structured_report import ReportedImage, ai_result
from inference.report.words import Language
from inference.statements import Statement
from tests.builders.bundles import a_manifest
from tests.builders.radiographs import drawn_chest
from tests.builders.studies import as_dataset

MADE_AT = datetime(2026, 3, 14, 15, 9, 26, tzinfo=UTC)
REVIEWER = Reviewer(name="Doe^Jane^^Dr", login="jdoe", organization="General Hospital")
PROBABILITIES = {Presence.PRESENT: 0.87, Presence.ABSENT: 0.12, Presence.UNDETERMINED: 0.5}


def an_author(language: Language = Language.ENGLISH, *, version: str = "1.0.0") -> Author:
    return author_of(a_manifest(version=version), language=language)


def a_finding(
    source: Dataset, presence: Presence = Presence.PRESENT, *, probability: float | None = None
) -> Finding:
    return Finding(
        sop_instance_uid=SopInstanceUid(str(source.SOPInstanceUID)),
        label="pneumonia",
        presence=presence,
        probability=PROBABILITIES[presence] if probability is None else probability,
        decision_threshold=0.5,
    )


def a_placement(*sources: Dataset, predecessor: ObjectReference | None = None) -> Placement:
    return Placement(
        source=sources[0],
        received=tuple(reference_to(source) for source in sources),
        predecessor=predecessor,
        made_at=MADE_AT,
    )


def an_ai_result(
    source: Dataset,
    presence: Presence = Presence.PRESENT,
    *,
    probability: float | None = None,
    statements: Sequence[Statement] = (),
    author: Author | None = None,
    predecessor: ObjectReference | None = None,
    heat_map: Dataset | None = None,
) -> Dataset:
    """The AI result of a study with one image."""
    image = ReportedImage(
        source=source,
        finding=a_finding(source, presence, probability=probability),
        statements=tuple(statements),
        heat_map=None if heat_map is None else reference_to(heat_map),
    )
    placement = a_placement(source, predecessor=predecessor)
    if image.heat_map is not None:
        placement = replace(placement, made=(image.heat_map,))
    return ai_result([image], [], placement, author or an_author())


def a_refusal(
    source: Dataset,
    refusal: Refusal = Refusal.NOT_FRONTAL,
    *,
    detail: str = "",
    state: StudyState = StudyState.NOT_ANALYSED,
    author: Author | None = None,
    predecessor: ObjectReference | None = None,
) -> Dataset:
    """The document of a study with one image that got no score."""
    refused = RefusedImage(source=source, refusal=refusal, detail=detail)
    placement = a_placement(source, predecessor=predecessor)
    return not_analysed([refused], refused, placement, author or an_author(), state=state)


def a_heat_map(source: Dataset, drawn: HeatMap | None = None) -> Dataset:
    """The heat map of an image, hot in its upper right."""
    if drawn is None:
        activation = np.zeros((7, 7), dtype=np.float32)
        activation[1, 5] = 1.0
        drawn = draw((drawn_chest() >> 4).astype(np.uint8), activation, ("AI: not for diagnosis",))
    return heat_map_image(source, drawn, an_author(), number=1, made_at=MADE_AT)


def a_decision(
    decision: ReviewDecision = ReviewDecision.ACCEPTED,
    presence: Presence | None = None,
    *,
    reviewer: Reviewer = REVIEWER,
    review_id: str = "1",
    comment: str = "",
    withdrawal: Withdrawal | None = None,
) -> Decision:
    return Decision(
        decision=decision,
        reviewer=reviewer,
        review_id=review_id,
        presence=presence,
        withdrawal=withdrawal,
        comment=comment,
    )


def a_review(ai_result: Dataset, decision: Decision | None = None) -> Dataset:
    """The document of a decision on an AI result as it lies in the archive."""
    return review(
        as_dataset(encode(ai_result)),
        decision or a_decision(),
        made_at=MADE_AT,
        predecessor=reference_to(ai_result),
    )
