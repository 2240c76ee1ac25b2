"""Knows which studies still have an open association, and has complete ones queued.

A study is complete once every association that brought images of it is gone and nothing came for
the quiet period, or, whatever a peer does, once the cap is over. The decision is made in the
archive, by its clock, so that several nodes agree; here it is only fed and asked.
"""

import threading
import time
from collections.abc import Callable, Collection

from archive.records import StudyUid
from archive.repository import Repository
from archive.repository.receiving import Decide, analyse_everything

TOUCH_SECONDS = 1.0
QUEUE_SECONDS = 0.1


class OpenStudies:
    """Which association brought images of which studies; may be used from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._studies: dict[int, set[StudyUid]] = {}

    def add(self, association: int, study_uid: StudyUid) -> None:
        """Note that an association brought an image of a study; safe to repeat."""
        with self._lock:
            self._studies.setdefault(association, set()).add(study_uid)

    def forget(self, association: int) -> frozenset[StudyUid]:
        """Note that an association is gone, and return what it had brought; safe to repeat."""
        with self._lock:
            return frozenset(self._studies.pop(association, ()))

    def keep_only(self, alive: Collection[int]) -> None:
        """Forget every association but these; for those that ended without a word."""
        with self._lock:
            for association in self._studies.keys() - set(alive):
                del self._studies[association]

    def current(self) -> frozenset[StudyUid]:
        """Return the studies of all open associations."""
        with self._lock:
            return frozenset().union(*self._studies.values())


class Completeness:
    """Asks the archive, often, to queue what is complete.

    Parameters
    ----------
    repository
        Where the decision is made.
    open_studies
        What must not be queued yet.
    quiet_period_seconds, cap_seconds
        See `config/defaults.yaml`.
    decide
        Asked what the rules of the site say of a study that is complete.
    clock
        Seconds that only grow.
    """

    def __init__(
        self,
        repository: Repository,
        open_studies: OpenStudies,
        *,
        quiet_period_seconds: float,
        cap_seconds: float,
        decide: Decide = analyse_everything,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._repository = repository
        self._open_studies = open_studies
        self._quiet_period_seconds = quiet_period_seconds
        self._cap_seconds = cap_seconds
        self._decide = decide
        self._clock = clock
        # Twice within the quiet period at least, or an open study would look quiet to other nodes.
        self._touch_seconds = min(TOUCH_SECONDS, quiet_period_seconds / 3)
        self._touched_at = float("-inf")

    def tick(self) -> int:
        """Do what is due now and return how many studies were queued; safe to repeat.

        Raises
        ------
        ArchiveUnavailable
            Nothing was queued; the next tick tries again.
        """
        now = self._clock()
        current = self._open_studies.current()
        if now - self._touched_at >= self._touch_seconds:
            if current:
                self._repository.touch_receiving(current)
            self._touched_at = now
        return self._repository.queue_complete_studies(
            quiet_period_seconds=self._quiet_period_seconds,
            cap_seconds=self._cap_seconds,
            still_open=current,
            decide=self._decide,
        )
