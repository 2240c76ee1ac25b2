"""Counts, by a short list of reasons, whom the listener turns away; written down now and then."""

import threading
from collections import Counter

from archive.errors import ArchiveUnavailable
from archive.repository import Repository


class Rejections:
    """May be used from any thread; labels come from `statuses`, never from a peer."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()

    def note(self, label: str) -> None:
        """Count one that was turned away."""
        with self._lock:
            self._counts[label] += 1

    def write_down(self, repository: Repository) -> None:
        """Add what was counted to the archive's figures; not safe to repeat after success.

        Raises
        ------
        ArchiveUnavailable
            The count is kept for the next time.
        """
        with self._lock:
            counts, self._counts = self._counts, Counter()
        if not counts:
            return
        try:
            repository.count_rejections(counts)
        except ArchiveUnavailable:
            with self._lock:
                self._counts.update(counts)
            raise
