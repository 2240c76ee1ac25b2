"""The nouns of the log of associations: who called at the DICOM port, and what came of it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class AssociationOutcome(StrEnum):
    """How a call at the DICOM port ended."""

    RELEASED = "RELEASED"
    """In order (PS3.8 7.2)."""
    ABORTED_BY_PEER = "ABORTED_BY_PEER"
    ABORTED_BY_US = "ABORTED_BY_US"
    TIMED_OUT = "TIMED_OUT"
    """The peer was silent for too long, and we aborted."""
    LOST = "LOST"
    """The connection ended without a word."""
    REJECTED = "REJECTED"
    """There was none: A-ASSOCIATE-RJ (PS3.8 table 9-21)."""
    NO_REQUEST = "NO_REQUEST"
    """There was none: a connection on which nobody asked for one."""


TURNED_AWAY = frozenset({AssociationOutcome.REJECTED, AssociationOutcome.NO_REQUEST})


@dataclass(frozen=True, kw_only=True)
class NewAssociation:
    """A call at the DICOM port that is over."""

    began_at: datetime
    seconds: float
    calling_ae_title: str
    """Empty where nobody asked for an association, or where several are counted together."""
    called_ae_title: str
    address: str
    is_tls: bool
    outcome: AssociationOutcome
    words: str
    """Why it was rejected or aborted; empty where it was released."""
    stored: int = 0
    """Objects that were answered with success, repeats among them."""
    refused: int = 0
    byte_count: int = 0
    """Of the objects that were stored."""
    count: int = 1
    """So many calls that were turned away alike, from `began_at` on."""


@dataclass(frozen=True, kw_only=True)
class RecordedAssociation(NewAssociation):
    """The same, with the number of its line."""

    association_id: int


@dataclass(frozen=True, kw_only=True)
class AssociationQuery:
    """Which lines are looked for; what is empty does not matter."""

    peer: str = ""
    """Calling AE title, in any case, or network address."""
    outcome: AssociationOutcome | None = None
