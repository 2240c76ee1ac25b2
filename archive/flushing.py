"""Makes a file and the folders that name it durable, all at one time.

A file system that keeps a journal then commits it once for all of them; one after the other, each
would wait for a commit of its own. No paths are made up here.
"""

import contextlib
import os
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import takewhile
from pathlib import Path

# Threads that only wait for the disk, and are started when they are needed.
_MOST_FLUSHES = 32


class Flushing:
    """Folders that are made and not yet durable, and the threads that flush; for any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._unsettled: Counter[Path] = Counter()
        self._pool = ThreadPoolExecutor(_MOST_FLUSHES, thread_name_prefix="flush")

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

    def flush(self, file: Path, folders: Sequence[Path]) -> None:
        """Make a file and the names in folders durable.

        Raises
        ------
        OSError
            Something of it may not be durable.
        """
        waiting = [self._pool.submit(flush_folder, folder) for folder in folders]
        flush_file(file)
        for one in waiting:
            one.result()


def _missing(folder: Path) -> list[Path]:
    if folder.is_dir():
        return []
    return list(takewhile(lambda one: not one.is_dir(), (folder, *folder.parents)))


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
