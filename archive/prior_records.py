"""The nouns of priors: whose they are, and which studies are expected to come as such."""

from dataclasses import dataclass
from enum import StrEnum


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
