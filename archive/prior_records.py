"""The nouns of priors: searches for them, whose they are, and which studies come as such."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from archive.records import StudyUid


class PriorSearchState(StrEnum):
    """Where a search for priors stands."""

    WAITING = "WAITING"
    """Being made, or to be made again at `next_attempt_at`."""
    DONE = "DONE"
    GAVE_UP = "GAVE_UP"
    """Failed too often; it can be asked for again."""


@dataclass(frozen=True, kw_only=True)
class PriorSearch:
    """One study whose earlier studies are, or were, looked for in other archives."""

    study_uid: StudyUid
    state: PriorSearchState
    attempt: int
    next_attempt_at: datetime
    finished_at: datetime | None
    words: str
    """What came of the last attempt; names no patient."""


class PriorState(StrEnum):
    """What is known of a study that an archive was asked to send as a prior."""

    EXPECTED = "EXPECTED"
    """Not compared yet; it may be on its way."""
    SAME_PATIENT = "SAME_PATIENT"
    OTHER_PATIENT = "OTHER_PATIENT"
    """What came names another patient, or none; it is never shown as a prior."""


@dataclass(frozen=True, kw_only=True)
class NamedPatient:
    """Whose an object is, as its header says; empty where it does not."""

    patient_id: str
    issuer_of_patient_id: str


@dataclass(frozen=True, kw_only=True)
class ExpectedPrior:
    """A study that comes, or came, because we asked an archive for it."""

    source: str
    patient: NamedPatient
    """Of the study whose prior it is to be."""
