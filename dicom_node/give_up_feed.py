"""Tells one webhook of deliveries to other destinations that were given up, in their order."""

from typing import Protocol

import structlog

from archive.database import Archive
from archive.operation_records import GiveUp
from dicom_node.answers import Answer
from dicom_node.statuses import DeliveryVerdict

_log = structlog.get_logger()


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


class GiveUpFeed:
    """What was given up, on its way to one webhook; a `Feed`.

    Several senders may tell of the same: the receiver knows a repeat by its `event_id`.
    """

    claimant = ""

    def __init__(self, destination: str, archive: Archive, link: TellingLink) -> None:
        self.destination = destination
        self._archive = archive
        self._link = link
        self._has_begun = False

    def forward(self) -> bool:
        """Tell of one at most.

        Raises
        ------
        PeerUnavailable
            The webhook was not told.
        ArchiveUnavailable
            What was told meanwhile is told again.
        """
        repository = self._archive.repository
        if not self._has_begun:
            repository.begin_telling_give_ups(self.destination)
            self._has_begun = True
        give_up = repository.next_give_up(self.destination)
        if give_up is None:
            self._link.close()
            return False
        answer = self._link.tell_of_give_up(give_up)
        if answer.verdict is not DeliveryVerdict.DELIVERED:
            _log.error(
                "a webhook refused to be told", destination=self.destination, reason=answer.reason
            )
        repository.give_up_told(self.destination, give_up.give_up_id)
        return True

    def not_forwarded(self, reason: str) -> None:
        """Do nothing: the next attempt tells of the same."""

    def close(self) -> None:
        """Release the connection."""
        self._link.close()

    def abort(self) -> None:
        """Break the connection, so that a `forward` which waits for an answer ends."""
        self._link.abort()
