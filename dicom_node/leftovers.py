"""Removes what a killed node left in the incoming folder; nothing of it was ever acknowledged."""

import contextlib
import time

from archive.files import FileStore

# Another node on the same archive may be writing now; an object that arrives is touched all the
# time, so an hour of silence is beyond every time-out.
OLD_SECONDS = 3600.0


def remove_leftovers(files: FileStore, *, now: float | None = None) -> int:
    """Remove partial objects that nobody has written to for an hour; returns how many.

    Parameters
    ----------
    now
        Seconds since 1970 by the file system's clock.
    """
    oldest = (time.time() if now is None else now) - OLD_SECONDS
    count = 0
    for path in files.incoming.iterdir():
        # Another node may move or remove it at the same time.
        with contextlib.suppress(OSError):
            if path.stat().st_mtime < oldest:
                path.unlink()
                count += 1
    return count
