"""Passwords: what may be one, and their Argon2 hashes (RFC 9106)."""

from functools import cache

from pwdlib import PasswordHash
from pwdlib.exceptions import PwdlibError

# NIST SP 800-63B 5.1.1.2 asks for length, and against rules on the kinds of characters.
SHORTEST_PASSWORD = 12
LONGEST_PASSWORD = 256

_hasher = PasswordHash.recommended()


def hash_password(password: str) -> str:
    """Return the Argon2id hash of a password, with its own salt."""
    return _hasher.hash(password)


def is_password(password: str, kept_hash: str | None) -> bool:
    """Return whether a password has this hash; takes its time also where there is none."""
    # Made for either kind of account, so that the first answer takes as long for both.
    nobodys_hash = _nobodys_hash()
    try:
        fits = _hasher.verify(password, kept_hash or nobodys_hash)
    except PwdlibError:
        return False
    return fits and kept_hash is not None


@cache
def _nobodys_hash() -> str:
    """Return what is compared where there is no such account; made when first needed."""
    return _hasher.hash("nobody has this password")


def fault_of_password(password: str, login: str) -> str:
    """Return in words why this may not be a password, or nothing."""
    if len(password) < SHORTEST_PASSWORD:
        return f"a password has at least {SHORTEST_PASSWORD} characters"
    if len(password) > LONGEST_PASSWORD:
        return f"a password has at most {LONGEST_PASSWORD} characters"
    if login and login.casefold() in password.casefold():
        return "a password does not contain the login"
    if len(set(password)) < SHORTEST_PASSWORD // 2:
        return "a password is not a few characters repeated"
    return ""
