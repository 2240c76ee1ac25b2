"""Tells one webhook of deliveries to other destinations that were given up, in their order."""

import threading
from typing import Protocol

import structlog

from archive.database import Archive
from archive.operation_records import GiveUp
from dicom_node.answers import Answer
from dicom_node.backoff import BackOff
from dicom_node.errors import PeerUnavailable
from dicom_node.statuses import DeliveryVerdict

_log = structlog.get_logger()

POLL_SECONDS = 1.0


class TellingLink(Protocol):
    """The way to one webhook."""

    def tell_of_give_up(self, give_up: GiveUp) -> Answer:
        """Tell of one; safe to repeat.

        Raises
        ------
        PeerUnavailable
            There was no answer, or one that every other message would get too.
        """

    def close(self) -> None:
        """End the connection in order."""

    def abort(self) -> None:
        """Break the connection for good."""


class GiveUpTeller:
    """Works off what was given up; `step` belongs to one thread.

    Several senders may tell of the same: the receiver knows a repeat by its `event_id`.
    """

    holds_claims = False
    claimant = ""

    def __init__(
        self, destination: str, archive: Archive, link: TellingLink, *, back_off: BackOff
    ) -> None:
        self.destination = destination
        self._archive = archive
        self._link = link
        self._back_off = back_off
        self._failures = 0
        self._has_begun = False

    @property
    def is_waiting(self) -> bool:
        """Whether the webhook did not answer the last time."""
        return self._failures > 0

    def step(self, stop: threading.Event) -> float:
        """Tell of one at most, and return the seconds to wait before the next.

        Raises
        ------
        ArchiveUnavailable
            What was told meanwhile is told again.
        """
        del stop
        repository = self._archive.repository
        if not self._has_begun:
            repository.begin_telling_give_ups(self.destination)
            self._has_begun = True
        give_up = repository.next_give_up(self.destination)
        if give_up is None:
            self._link.close()
            return POLL_SECONDS
        try:
            answer = self._link.tell_of_give_up(give_up)
        except PeerUnavailable as error:
            self._failures += 1
            delay_seconds = self._back_off.delay_seconds(self._failures)
            _log.warning(
                "destination not available",
                destination=self.destination,
                reason=str(error),
                seconds=delay_seconds,
            )
            return delay_seconds
        self._failures = 0
        if answer.verdict is not DeliveryVerdict.DELIVERED:
            _log.error(
                "a webhook refused to be told", destination=self.destination, reason=answer.reason
            )
        repository.give_up_told(self.destination, give_up.give_up_id)
        return 0

    def close(self) -> None:
        """Release the connection."""
        self._link.close()

    def abort(self) -> None:
        """Break the connection, so that a `step` which waits for an answer ends."""
        self._link.abort()
