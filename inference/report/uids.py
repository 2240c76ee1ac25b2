"""UIDs of what we create, derived from what it is made from: a repeat makes the same object.

Our root is 2.25 followed by an UUID as an integer (PS3.5 Annex B.2), here a name-based one, so no
registered root is needed and two installations cannot collide unless they made the same thing.
"""

import uuid
from collections.abc import Iterable
from enum import StrEnum

from pydicom.uid import UID

from archive.records import ModelIdentity

# Made once, for this project.
_NAMESPACE = uuid.UUID("5b0f3c1e-6d0a-4b53-9a6e-2f8f0f6f7d11")
_SEPARATOR = "\x1f"  # stands in no UID, name or version
# Grows whenever the same inputs are written another way: the same UID means the same object.
LAYOUT_VERSION = "2"


class Kind(StrEnum):
    """What a UID is for."""

    DEVICE = "device"
    SERIES_OF_REPORTS = "series of reports"
    SERIES_OF_HEAT_MAPS = "series of heat maps"
    AI_RESULT = "AI result"
    NOT_ANALYSED = "not analysed"
    HEAT_MAP = "heat map"
    PICTURE = "picture of a heat map"
    SEGMENTATION = "segmentation"
    OUTLINE = "outline"
    TRACKING = "tracking"
    REVIEW = "review"
    SERIES_OF_REVIEWS = "series of reviews"
    REJECTION_NOTE = "rejection note"
    SERIES_OF_REJECTION_NOTES = "series of rejection notes"


def derive(kind: Kind, *parts: str) -> UID:
    """UID of a kind, made from the parts in their order; the same parts give the same UID."""
    name = _SEPARATOR.join((LAYOUT_VERSION, kind, *parts))
    return UID(f"2.25.{uuid.uuid5(_NAMESPACE, name).int}")


def of_model(kind: Kind, model: ModelIdentity, sources: Iterable[str]) -> UID:
    """UID of what one model made from the sources; their order does not matter."""
    identity = (model.name, model.version, model.weights_sha256, model.preprocessing_version)
    return derive(kind, *identity, *sorted(sources))
