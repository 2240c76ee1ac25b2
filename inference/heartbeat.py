"""Says every second that the worker works, keeps the leases of what it holds, and its deadline."""

import threading
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Self

import structlog

from archive.errors import ArchiveUnavailable
from archive.records import ProcessKind
from archive.repository import Repository
from inference.deadline import Deadline

BEAT_SECONDS = 1.0
# Extended this often within its length, a lease outlives two beats that fail.
EXTENSIONS_PER_LEASE = 4

log = structlog.get_logger()


class Heartbeat:
    """A thread for the time of a `with` block; a beat says that the worker can work.

    Parameters
    ----------
    repository
        Where to beat.
    name
        Of this worker.
    claimants
        Whose leases it keeps.
    lease_seconds
        How long a claim lasts without us.
    deadline
        Of the worker's threads; kept as long as it beats.
    """

    def __init__(
        self,
        repository: Repository,
        name: str,
        *,
        claimants: Sequence[str],
        lease_seconds: float,
        deadline: Deadline,
    ) -> None:
        self._repository = repository
        self._name = name
        self._claimants = claimants
        self._lease_seconds = lease_seconds
        self._deadline = deadline
        self._extended_at = 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)

    def __enter__(self) -> Self:
        self._beat()
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join()
        self._deadline.lift()

    def _run(self) -> None:
        while not self._stop.wait(min(BEAT_SECONDS, self._lease_seconds / EXTENSIONS_PER_LEASE)):
            self._beat()

    def _beat(self) -> None:
        self._deadline.enforce()
        try:
            self._repository.beat(ProcessKind.WORKER, self._name)
            now = time.monotonic()
            if now - self._extended_at >= self._lease_seconds / EXTENSIONS_PER_LEASE:
                for claimant in self._claimants:
                    self._repository.extend_study_leases(
                        claimant, lease_seconds=self._lease_seconds
                    )
                self._extended_at = now
        except ArchiveUnavailable as error:
            log.warning("the archive does not answer", error=type(error).__name__)
