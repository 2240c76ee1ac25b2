"""Writes the files of training so that each is whole or absent, and says when the disk is full."""

import errno
import os
from pathlib import Path

from training.errors import OutOfSpace

# No space left, quota reached, file size limit reached.
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def write_file(path: Path, *parts: bytes | bytearray | memoryview) -> None:
    """Write the parts one after the other; an older file of that name stays until all is written.

    Raises
    ------
    OutOfSpace
        The disk is full.
    """
    unfinished = path.with_name(f"{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with unfinished.open("wb") as stream:
            for part in parts:
                stream.write(part)
        os.replace(unfinished, path)
    except OSError as error:
        if error.errno not in FULL:
            raise
        unfinished.unlink(missing_ok=True)
        raise OutOfSpace(f"{path}: no space left on the disk") from error
