"""Cursors of lists that are ordered by a moment and a study's UID; opaque to who asks."""

import base64
import binascii
from datetime import UTC, datetime

from archive.errors import NotFound


def cursor_at(moment: datetime, study_uid: str) -> str:
    """Return the cursor of what follows this place."""
    text = f"{moment.timestamp():.6f} {study_uid}"
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def place_of(cursor: str) -> tuple[datetime, str]:
    """Return the place that a cursor follows.

    Raises
    ------
    NotFound
        It is no cursor of ours.
    """
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        moment, _, uid = base64.urlsafe_b64decode(padded).decode("ascii").partition(" ")
        return datetime.fromtimestamp(float(moment), UTC), uid
    except (ValueError, binascii.Error, OverflowError, OSError):
        raise NotFound("no such page") from None
