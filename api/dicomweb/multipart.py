"""multipart/related (RFC 2387): the parts of a body, and a body of parts."""

import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from python_multipart.multipart import parse_options_header

from api.errors import MediaTypeUnknown, RequestMalformed

MOST_PARTS = 1000


@dataclass(frozen=True, kw_only=True)
class Part:
    """One part: its media type with parameters, and its bytes."""

    media_type: str
    content: bytes


def body_of(parts: Iterable[Part], root_type: str) -> tuple[bytes, str]:
    """Return a body and its Content-Type."""
    boundary = secrets.token_hex(16)
    pieces = []
    for part in parts:
        heading = f"--{boundary}\r\nContent-Type: {part.media_type}\r\n\r\n"
        pieces += [heading.encode(), part.content, b"\r\n"]
    pieces.append(f"--{boundary}--\r\n".encode())
    return b"".join(pieces), f'multipart/related; type="{root_type}"; boundary={boundary}'


def parts_of(body: bytes, content_type: str, root_type: str) -> Iterator[Part]:
    """Yield the parts of a body.

    Raises
    ------
    MediaTypeUnknown
        It is not multipart/related, or its parts are of another kind.
    RequestMalformed
        It does not keep to its boundary.
    """
    media_type, options = parse_options_header(content_type)
    declared = options.get(b"type", root_type.encode()).decode("latin-1").lower()
    if media_type != b"multipart/related" or declared != root_type:
        raise MediaTypeUnknown(f'send multipart/related; type="{root_type}"')
    boundary = options.get(b"boundary", b"")
    if not boundary:
        raise RequestMalformed("the Content-Type names no boundary")
    pieces = (b"\r\n" + body).split(b"\r\n--" + boundary)
    if len(pieces) < 3 or not pieces[-1].startswith(b"--"):
        raise RequestMalformed("the body does not end with its boundary")
    if len(pieces) - 2 > MOST_PARTS:
        raise RequestMalformed(f"the body has more than {MOST_PARTS} parts")
    for piece in pieces[1:-1]:
        headers, separator, content = piece.partition(b"\r\n\r\n")
        if not separator:
            raise RequestMalformed("a part has no end of its headers")
        yield Part(media_type=_media_type(headers, root_type), content=content)


def _media_type(headers: bytes, default: str) -> str:
    for line in headers.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-type":
            return value.strip().decode("latin-1")
    return default
