"""What happened to a study, in order: received, judged by rules, analysed, sent, reviewed."""

from datetime import datetime
from enum import StrEnum

from pydantic import Field

from api.schemas import ApiModel
from archive.records import (
    Delivery,
    DeliveryState,
    Outcome,
    Result,
    Study,
    StudyDetail,
    StudyState,
)
from archive.retention_records import Deletion
from archive.review_records import Review
from dicom_node.statuses import words_for


class EventKind(StrEnum):
    """Kinds of events."""

    DELETED = "DELETED"
    RECEIVED = "RECEIVED"
    RULED = "RULED"
    ANALYSED = "ANALYSED"
    QUEUED_TO_SEND = "QUEUED_TO_SEND"
    DELIVERED = "DELIVERED"
    NOT_DELIVERED = "NOT_DELIVERED"
    REVIEWED = "REVIEWED"


class TimelineEvent(ApiModel):
    """One thing that happened."""

    at: datetime
    kind: EventKind
    words: str = Field(description="For people; names no patient.")


class Timeline(ApiModel):
    """Everything that happened to a study, the oldest first."""

    events: list[TimelineEvent]


def timeline(
    detail: StudyDetail,
    reviews: tuple[Review, ...],
    *,
    deletions: tuple[Deletion, ...] = (),
    is_covered: bool = False,
) -> Timeline:
    """Return what happened to a study; where covered, without what the model says of it."""
    events = [
        *(_deleted(one) for one in deletions),
        *_received(detail),
        *_ruled(detail.study),
        *(_analysed(result, is_covered=is_covered) for result in detail.results),
        *(event for one in detail.deliveries for event in _sent(one)),
        *(_reviewed(review) for review in reviews),
    ]
    return Timeline(events=sorted(events, key=lambda event: event.at))


def _deleted(one: Deletion) -> TimelineEvent:
    words = (
        f"its time was over: {one.instance_count} objects, received until "
        f"{one.last_received_at:%Y-%m-%d}, and what was made of them"
    )
    return TimelineEvent(at=one.deleted_at, kind=EventKind.DELETED, words=words)


def _received(detail: StudyDetail) -> list[TimelineEvent]:
    return [
        TimelineEvent(
            at=one.received_at,
            kind=EventKind.RECEIVED,
            words=f"{one.modality or 'an object'} from {one.calling_ae_title}"
            + (f" ({'; '.join(one.flaws)})" if one.flaws else ""),
        )
        for one in detail.instances
    ]


def _ruled(study: Study) -> list[TimelineEvent]:
    """Return what the rules of the site last said; they are asked once nothing more comes."""
    parts = []
    if study.rule:
        parts.append(f"rule {study.rule}, version {study.rules_sha256[:12]}")
    if study.destinations is not None:
        parts.append(f"results go to {', '.join(study.destinations) or 'nobody'}")
    if study.state is StudyState.KEPT:
        parts.append(study.reason)
    if not parts:
        return []
    return [TimelineEvent(at=study.last_received_at, kind=EventKind.RULED, words="; ".join(parts))]


def _analysed(result: Result, *, is_covered: bool) -> TimelineEvent:
    model = result.outcome.model
    is_covered = is_covered and bool(result.outcome.findings)
    said = "covered until it is read" if is_covered else _outcome_words(result.outcome)
    words = f"{said}, by {model.name} {model.version}"
    replaced = "" if result.is_current else "; replaced by a later result"
    return TimelineEvent(at=result.made_at, kind=EventKind.ANALYSED, words=words + replaced)


def _outcome_words(outcome: Outcome) -> str:
    if not outcome.findings:
        reason = outcome.reason or outcome.refusal or ""
        return f"{outcome.state.replace('_', ' ').lower()}: {reason}"
    highest = max(outcome.findings, key=lambda finding: finding.probability)
    return (
        f"{highest.label.lower()} {highest.presence.lower()}, probability "
        f"{highest.probability:.2f}, threshold {highest.decision_threshold:.2f}"
    )


def _sent(one: Delivery) -> list[TimelineEvent]:
    name = one.kind.replace("_", " ").lower()
    status = "" if one.dicom_status is None else f", {words_for(one.dicom_status)}"
    queued = TimelineEvent(
        at=one.created_at,
        kind=EventKind.QUEUED_TO_SEND,
        words=f"{name} for {one.destination}",
    )
    if one.delivered_at is not None:
        words = f"{name} to {one.destination}{status}, attempt {one.attempt}"
        return [queued, TimelineEvent(at=one.delivered_at, kind=EventKind.DELIVERED, words=words)]
    if one.state is DeliveryState.GAVE_UP or one.reason:
        tried = "given up" if one.state is DeliveryState.GAVE_UP else "to be tried again"
        words = f"{name} to {one.destination}, {tried}: {one.reason}{status}"
        failed = TimelineEvent(
            at=max(one.created_at, one.next_attempt_at), kind=EventKind.NOT_DELIVERED, words=words
        )
        return [queued, failed]
    return [queued]


def _reviewed(review: Review) -> TimelineEvent:
    name = " ".join(filter(None, review.reviewer.person_name.split("^")))
    held = f", {review.presence.lower()}" if review.presence else ""
    words = f"{review.verdict.lower()}{held} by {name}; {review.state.lower()}"
    failure = f": {review.failure}" if review.failure else ""
    return TimelineEvent(at=review.made_at, kind=EventKind.REVIEWED, words=words + failure)
