"""The nouns of retention: what keeps a study here, what was deleted, what is still to go."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from archive.records import FileKey, InstanceKey, StudyState, StudyUid


class Hold(StrEnum):
    """Why a study that is old enough stays; the first that holds is told."""

    UNSENT = "UNSENT"
    """One of its objects waits to be sent, or is being sent."""
    GAVE_UP = "GAVE_UP"
    """One of its objects was given up; somebody has to look."""
    UNCOMMITTED = "UNCOMMITTED"
    """A destination has not said yet that it keeps what it got."""
    UNDECIDED = "UNDECIDED"
    """A decision can still be undone, or has not become a verified report yet."""
    IN_READING = "IN_READING"
    """Somebody has it open, or has put it off."""
    UNTOLD_FAILURE = "UNTOLD_FAILURE"
    """It failed without a report that says so."""
    CHANGED = "CHANGED"
    """Something happened to it while the run was under way, or a file was written since."""


@dataclass(frozen=True, kw_only=True)
class RetentionRule:
    """What goes; the same for a whole run."""

    older_than: timedelta
    """Since the last thing that happened to a study."""
    committing: frozenset[str] = frozenset()
    """Destinations that are asked for storage commitment."""
    is_patient_named: bool = False
    """Whether the patient ID waits, beside the deletion, until the audit server has the line."""
    actor: str
    """Who deletes, for the audit trail."""


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A study that is old enough."""

    study_uid: StudyUid
    first_received_at: datetime
    hold: Hold | None
    """None: it goes."""


@dataclass(frozen=True, kw_only=True)
class FileToDelete:
    """A file that no row names any more, as it was when its rows went."""

    file_key: FileKey
    stamp: int
    """When it was written, in nanoseconds since 1970; another stands there if that differs."""


@dataclass(frozen=True, kw_only=True)
class StudySize:
    """What a study takes here."""

    file_count: int
    byte_count: int


@dataclass(frozen=True, kw_only=True)
class DeletedDocument:
    """The document of ours on a study that stood when the study was deleted."""

    key: InstanceKey
    sop_class_uid: str


@dataclass(frozen=True, kw_only=True)
class Deletion:
    """What is remembered of a study that was deleted; names no patient."""

    study_uid: StudyUid
    deleted_at: datetime
    first_received_at: datetime
    last_received_at: datetime
    state: StudyState
    instance_count: int
    byte_count: int
    document: DeletedDocument | None
    """None where no document was made."""


@dataclass(kw_only=True)
class RetentionDone:
    """What a run did, or would do."""

    study_count: int = 0
    file_count: int = 0
    byte_count: int = 0
    held: dict[Hold, int] = field(default_factory=dict)
    """Studies that are old enough and stay, by the reason."""
