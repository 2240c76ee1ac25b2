"""The nouns of priors: searches for the earlier studies of a patient."""

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
