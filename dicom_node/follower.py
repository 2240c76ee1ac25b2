"""Works off a list that only grows, in its order, at whoever is to get all of it.

Each piece is recorded as arrived only after it was taken; while nobody takes it, it is tried again
ever later, and what follows waits in the archive.
"""

import threading
from typing import Protocol

import structlog

from dicom_node.backoff import BackOff
from dicom_node.errors import PeerUnavailable

_log = structlog.get_logger()

POLL_SECONDS = 1.0


class Feed(Protocol):
    """A list in the archive, how far it got, and the way to who gets it."""

    destination: str
    """What the logs call it."""
    claimant: str

    def forward(self) -> bool:
        """Send what is next, and write down that it arrived; False where there is nothing now.

        Raises
        ------
        PeerUnavailable
            It was not taken; it is next again.
        """

    def not_forwarded(self, reason: str) -> None:
        """Note why it was not taken."""

    def close(self) -> None:
        """End the connection in order."""

    def abort(self) -> None:
        """Break the connection, so that a `forward` which waits for an answer ends."""


class Follower:
    """Forwards one feed; `step` belongs to one thread.

    Parameters
    ----------
    feed
        What is forwarded.
    back_off
        When to try again.
    """

    holds_claims = False

    def __init__(self, feed: Feed, *, back_off: BackOff) -> None:
        self._feed = feed
        self._back_off = back_off
        self._failures = 0

    @property
    def destination(self) -> str:
        """What the logs call who gets it."""
        return self._feed.destination

    @property
    def claimant(self) -> str:
        """Under which claims are held, where there are any."""
        return self._feed.claimant

    @property
    def is_waiting(self) -> bool:
        """Whether what was sent last was not taken."""
        return self._failures > 0

    def step(self, stop: threading.Event) -> float:
        """Forward one piece at most, and return the seconds to wait before the next.

        Raises
        ------
        ArchiveUnavailable
            What was sent meanwhile is sent again.
        """
        del stop
        try:
            went_on = self._feed.forward()
        except PeerUnavailable as error:
            return self._wait(str(error))
        if not went_on:
            return POLL_SECONDS
        if self._failures:
            _log.info("destination available again", destination=self.destination)
        self._failures = 0
        return 0

    def close(self) -> None:
        """Release the connection."""
        self._feed.close()

    def abort(self) -> None:
        """Break the connection, so that a `step` which waits for an answer ends."""
        self._feed.abort()

    def _wait(self, reason: str) -> float:
        self._failures += 1
        delay_seconds = self._back_off.delay_seconds(self._failures)
        _log.warning(
            "destination not available",
            destination=self.destination,
            reason=reason,
            seconds=delay_seconds,
        )
        self._feed.not_forwarded(reason)
        return delay_seconds
