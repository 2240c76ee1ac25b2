"""Makes a file and the folders that name it durable. No paths are made up here.

The file comes first, when its name stands already: a file system that keeps a journal commits the
name with it, so that the folders' turn is a short one. Threads that flush at one time would save no
more than that, and cost the interpreter's lock: whoever wakes one may be stopped while he has it.
"""

import contextlib
import os
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import takewhile
from pathlib import Path


class Flushing:
    """Folders that are made and not yet durable; for any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._unsettled: Counter[Path] = Counter()

    @contextlib.contextmanager
    def folder(self, folder: Path) -> Iterator[Sequence[Path]]:
        """Make `folder` where it is missing; give what has to be flushed within the block.

        That is the folder itself, and each above it in which a name is new: one that another
        thread has just made, too, because nobody may rely on it before it is durable.
        """
        missing = _missing(folder)
        holders = [one.parent for one in missing]
        with self._lock:
            self._unsettled.update(holders)
        try:
            for one in reversed(missing):
                with contextlib.suppress(FileExistsError):
                    one.mkdir()
            with self._lock:
                unsettled = set(self._unsettled)
            yield (folder, *(one for one in unsettled if one in folder.parents))
        finally:
            with self._lock:
                self._unsettled -= Counter(holders)


def _missing(folder: Path) -> list[Path]:
    if folder.is_dir():
        return []
    return list(takewhile(lambda one: not one.is_dir(), (folder, *folder.parents)))


def flush(file: Path, folders: Sequence[Path]) -> None:
    """Make a file and the names in folders durable.

    Raises
    ------
    OSError
        Something of it may not be durable.
    """
    flush_file(file)
    for folder in folders:
        flush_folder(folder)


def flush_file(path: Path) -> None:
    """Make the bytes of a file durable."""
    _flush(path, os.O_RDONLY)


def flush_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    _flush(folder, os.O_RDONLY | os.O_DIRECTORY)


def _flush(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
