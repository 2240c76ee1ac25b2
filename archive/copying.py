"""Copies a file's bytes and says what they were."""

import os
from hashlib import sha256
from pathlib import Path

_PIECE_BYTES = 1 << 20


def copied_with_digest(source: Path, target: Path) -> str:
    """Copy a file, not yet durable, and return the SHA-256 of what was copied, hexadecimal.

    Raises
    ------
    OSError
        Not copied in full; also where `source` is a link, which may have taken a file's place.
    """
    digest = sha256(usedforsecurity=False)
    descriptor = os.open(source, os.O_RDONLY | os.O_NOFOLLOW)
    with open(descriptor, "rb") as original, target.open("wb") as copy:
        while piece := original.read(_PIECE_BYTES):
            digest.update(piece)
            copy.write(piece)
    return digest.hexdigest()
