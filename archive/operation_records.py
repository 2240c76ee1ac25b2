"""The nouns of operation: failures looked for, errands that a sender runs for an administrator."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from archive.account_records import AuditEvent
from archive.records import (
    DeliveryState,
    Presence,
    Refusal,
    SopInstanceUid,
    StudyState,
    StudyUid,
)


class ErrandKind(StrEnum):
    """What a sender is asked to try."""

    ECHO = "ECHO"
    """C-ECHO (PS3.4 annex A)."""
    TEST_SEND = "TEST_SEND"
    """C-STORE of a synthetic object that names no patient."""


@dataclass(frozen=True, kw_only=True)
class FailureQuery:
    """Which failed deliveries are looked for; what is empty does not matter."""

    destination: str = ""
    state: DeliveryState | None = None
    words: str = ""
    """All of them stand in the reason, in any case and order."""


@dataclass(frozen=True, kw_only=True)
class Errand:
    """One try at a destination and what came of it."""

    errand_id: int
    kind: ErrandKind
    destination: str
    asked_by: str
    asked_at: datetime
    finished_at: datetime | None
    is_ok: bool | None
    """None as long as no sender has run it."""
    words: str
    seconds: float | None


@dataclass(frozen=True, kw_only=True)
class ClaimedErrand:
    """An errand that one sender may run."""

    errand_id: int
    claimed_by: str
    kind: ErrandKind
    destination: str


@dataclass(frozen=True, kw_only=True)
class DestinationStanding:
    """How one destination stands."""

    destination: str
    is_paused: bool
    paused_by: str
    waiting: int
    oldest_waiting_seconds: float
    delivered: int
    committed: int
    """Of those delivered, how many it has confirmed to keep."""
    gave_up: int
    last_delivered_at: datetime | None
    last_failure: str
    last_errand: Errand | None
    """The last echo or test object that a sender finished."""


@dataclass(frozen=True, kw_only=True)
class RuleStanding:
    """The rules that one node works by."""

    node: str
    rules_sha256: str
    rule_count: int
    loaded_at: datetime
    fault: str
    """Why it did not take newer rules when it was last asked to; empty where it did."""
    faulted_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class AuditLine:
    """A line of the audit trail for the hospital's audit server."""

    event: AuditEvent
    patient_id: str
    """Of the study that it names; empty where it names none, or the study none."""


@dataclass(frozen=True, kw_only=True)
class AuditExportStanding:
    """How far the audit trail got to the hospital's audit server."""

    waiting: int
    """Lines that it has not got yet."""
    oldest_waiting_seconds: float
    last_sent_at: datetime | None
    fault: str
    """Why the last attempt failed; empty where it did not."""
    failing_since: datetime | None


@dataclass(frozen=True, kw_only=True)
class ListedStudy:
    """What became of a study; names no patient."""

    study_uid: StudyUid
    state: StudyState
    refusal: Refusal | None
    reason: str
    priority: int
    instance_count: int
    calling_ae_title: str
    """Who sent the images; one of them where several did."""
    first_received_at: datetime
    last_received_at: datetime
    rule: str
    result_made_at: datetime | None
    """Of the current result; None where there is none, as of what follows."""
    model_name: str
    model_version: str
    ai_presence: Presence | None
    ai_probability: float | None
    is_read: bool
    """Whether somebody decided about it as it stands."""


@dataclass(frozen=True, kw_only=True)
class GiveUp:
    """A delivery that was given up."""

    give_up_id: int
    at: datetime
    destination: str
    study_uid: StudyUid
    sop_instance_uid: SopInstanceUid
    """Of the object that was to be delivered."""
