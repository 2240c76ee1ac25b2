"""The nouns of watching models: what they said, and where people said otherwise."""

from dataclasses import dataclass
from datetime import datetime

from archive.records import InstanceKey, Presence
from archive.review_records import JudgedResult


@dataclass(frozen=True, kw_only=True)
class ModelOutput:
    """What one model said of one study, reviewed or not; names no patient."""

    made_at: datetime
    model_name: str
    model_version: str
    weights_sha256: str
    presence: Presence | None
    """Of the most suspicious finding; None where the study was not scored."""
    probability: float | None
    calling_ae_title: str
    patient_age_years: int | None


@dataclass(frozen=True, kw_only=True)
class Disagreement:
    """A result that a reviewer rejected or corrected, and the image it was about."""

    judged: JudgedResult
    image: InstanceKey
