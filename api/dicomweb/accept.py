"""What a client takes: the Accept header as DICOMweb reads it (PS3.18 8.7.5)."""

from collections.abc import Iterable
from dataclasses import dataclass

from python_multipart.multipart import parse_options_header

from api.errors import NotAcceptable

ANY = "*/*"


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """One media type that a client takes."""

    media_type: str
    """Of the parts, where multipart is asked for."""
    is_multipart: bool
    transfer_syntax: str
    """A UID, `*` for whatever is stored, or empty."""


def wanted(accept: str) -> tuple[Wanted, ...]:
    """Return what an Accept header lists, in its order; nothing said is anything."""
    found = []
    for text in (accept or ANY).split(","):
        media_type, options = parse_options_header(text.strip())
        name = media_type.decode("latin-1").lower()
        is_multipart = name == "multipart/related"
        inner = options.get(b"type", b"").decode("latin-1").lower()
        found.append(
            Wanted(
                media_type=(inner or ANY) if is_multipart else name,
                is_multipart=is_multipart,
                transfer_syntax=options.get(b"transfer-syntax", b"").decode("latin-1"),
            )
        )
    return tuple(found)


def first_of(accept: str, offered: Iterable[str]) -> Wanted:
    """Return the first thing that a client takes and that is offered.

    Raises
    ------
    NotAcceptable
        There is none.
    """
    kinds = tuple(offered)
    for one in wanted(accept):
        if one.media_type in kinds or one.media_type in (ANY, "application/*", "image/*"):
            return one
    raise NotAcceptable(f"offered here: {', '.join(kinds)}")
