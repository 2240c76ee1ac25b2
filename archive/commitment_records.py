"""The nouns of storage commitment (PS3.4 annex J)."""

from dataclasses import dataclass
from enum import StrEnum

from archive.records import SopInstanceUid


class CommitmentState(StrEnum):
    """Where one transaction stands."""

    OPEN = "OPEN"
    """Recorded, asked for or about to be; the answer may come at any moment."""
    ANSWERED = "ANSWERED"
    FAILED = "FAILED"
    """The destination refused the request, or never answered."""
    UNSENT = "UNSENT"
    """The destination could not be asked."""


@dataclass(frozen=True, kw_only=True)
class CommitmentReference:
    """One object that a destination is asked to keep."""

    sop_class_uid: str
    """As it was sent."""
    sop_instance_uid: SopInstanceUid


@dataclass(frozen=True, kw_only=True)
class CommitmentRequest:
    """A transaction that is recorded and may now be sent (N-ACTION)."""

    transaction_uid: str
    references: tuple[CommitmentReference, ...]


@dataclass(frozen=True, kw_only=True)
class NotCommitted:
    """One object that a destination does not keep, and why."""

    sop_instance_uid: SopInstanceUid
    failure_reason: int | None
    words: str


@dataclass(frozen=True, kw_only=True)
class CommitmentReport:
    """What a destination says of one transaction (N-EVENT-REPORT)."""

    transaction_uid: str
    committed: frozenset[SopInstanceUid]
    failed: tuple[NotCommitted, ...]
