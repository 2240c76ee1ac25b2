"""Cursors of lists whose rows have numbers: opaque to who asks, a place in the order for us."""

import base64
import binascii

from api.errors import UnknownThing

# The largest number of a row: 32-bit integers.
LARGEST_NUMBER = (1 << 31) - 1


def cursor_after(number: int) -> str:
    """Return the cursor of what follows the row of this number."""
    return base64.urlsafe_b64encode(f"#{number}".encode()).decode().rstrip("=")


def number_of(cursor: str | None) -> int | None:
    """Return the number of the row that a cursor follows; None for the first page.

    Raises
    ------
    UnknownThing
        It is no cursor of ours.
    """
    if cursor is None:
        return None
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode("ascii")
    except (ValueError, binascii.Error):
        text = ""
    digits = text.removeprefix("#")
    is_ours = text.startswith("#") and digits.isdecimal() and len(digits) <= len("2147483647")
    if not is_ours or int(digits) > LARGEST_NUMBER:
        raise UnknownThing("no such page")
    return int(digits)
