"""Secrets that we hand out, and the digests of them that we keep.

They have 256 random bits, so that a plain SHA-256 is enough to keep: nobody guesses them. What
people choose themselves goes through `passwords.py`.
"""

import re
import secrets
from dataclasses import dataclass
from hashlib import sha256
from hmac import compare_digest

SECRET_BYTES = 32
TOKEN_ID_BYTES = 5
_TOKEN = re.compile(r"hilum_([0-9a-f]{10})_([A-Za-z0-9_-]{43})")


@dataclass(frozen=True, kw_only=True)
class TokenText:
    """What a program sends as its token, in its parts."""

    token_id: str
    secret: str

    def __str__(self) -> str:
        return f"hilum_{self.token_id}_{self.secret}"


def new_secret() -> str:
    """Return a secret for a cookie, a link or a token."""
    return secrets.token_urlsafe(SECRET_BYTES)


def new_token() -> TokenText:
    """Return a token that nobody has yet."""
    return TokenText(token_id=secrets.token_hex(TOKEN_ID_BYTES), secret=new_secret())


def read_token(text: str) -> TokenText | None:
    """Return the parts of a token, or None for anything else."""
    found = _TOKEN.fullmatch(text)
    return TokenText(token_id=found.group(1), secret=found.group(2)) if found else None


def digest(secret: str) -> str:
    """Return what is kept of a secret: its SHA-256 in hexadecimal."""
    return sha256(secret.encode()).hexdigest()


def is_secret_of(secret: str, kept_digest: str) -> bool:
    """Return whether a secret has this digest, in a time that does not tell how near it was."""
    return compare_digest(digest(secret), kept_digest)
