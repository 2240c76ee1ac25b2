"""What a client takes: the Accept header as DICOMweb reads it (PS3.18 8.7.5, RFC 9110 12.5.1)."""

from collections.abc import Iterable
from dataclasses import dataclass

from python_multipart.multipart import parse_options_header

from api.errors import NotAcceptable

ANY = "*/*"
# Whatever is stored (PS3.18 8.7.3.5.2).
ANY_SYNTAX = "*"


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """One media type that a client takes."""

    media_type: str
    """Of the parts, where multipart is asked for."""
    is_multipart: bool
    transfer_syntax: str
    """A UID, `*` for whatever is stored, or empty."""
    quality: float = 1.0
    """0 to 1; the client prefers the greater."""

    def takes(self, media_type: str) -> bool:
        """Return whether this media type is meant, by name or by wildcard."""
        group, _, name = self.media_type.partition("/")
        return self.media_type in (ANY, media_type) or (
            name == "*" and media_type.startswith(f"{group}/")
        )


def wanted(accept: str) -> tuple[Wanted, ...]:
    """Return what an Accept header lists, the preferred first; nothing said is anything."""
    found = (_wanted(text) for text in (accept or ANY).split(","))
    return tuple(
        sorted((one for one in found if one.quality > 0), key=lambda one: one.quality, reverse=True)
    )


def first_of(accept: str, offered: Iterable[str]) -> tuple[Wanted, str]:
    """Return what a client would rather have of what is offered, and as what it asked for it.

    Raises
    ------
    NotAcceptable
        It takes nothing of it.
    """
    kinds = tuple(offered)
    for one in wanted(accept):
        for kind in kinds:
            if one.takes(kind):
                return one, kind
    raise NotAcceptable(f"offered here: {', '.join(kinds)}")


def _wanted(text: str) -> Wanted:
    media_type, options = parse_options_header(text.strip())
    name = media_type.decode("latin-1").lower()
    is_multipart = name == "multipart/related"
    inner = options.get(b"type", b"").decode("latin-1").lower()
    return Wanted(
        media_type=(inner or ANY) if is_multipart else name,
        is_multipart=is_multipart,
        transfer_syntax=options.get(b"transfer-syntax", b"").decode("latin-1"),
        quality=_quality(options.get(b"q", b"1").decode("latin-1")),
    )


def _quality(text: str) -> float:
    try:
        return min(max(float(text), 0.0), 1.0)
    except ValueError:
        return 0.0
