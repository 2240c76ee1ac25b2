"""Follows each call at the DICOM port from its connection to its end, and has it written down.

Nothing here waits for the archive: an association that ends becomes a line in memory, and one of
the audit trail for each study that it brought; the beat of the node writes all at once. A node that
is killed loses the lines of its last second and of the associations that were open; their objects
are recorded all the same.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime

from archive.account_records import AuditEntry
from archive.association_records import AssociationOutcome, NewAssociation
from archive.errors import ArchiveUnavailable
from archive.repository import Repository
from dicom_node.incoming import ReceivedFile
from dicom_node.reception import Kept
from dicom_node.statuses import Rejection
from dicom_node.transfers import Transfers
from dicom_node.turned_away import TurnedAway

# While the archive does not answer nothing can be received either: only rejections come together.
_MOST_WAITING = 10_000
# A connection is open before pynetdicom counts its association among those that are alive.
_STARTS_WITHIN_SECONDS = 2.0
NOBODY_ASKED = "no association was requested"


@dataclass(kw_only=True)
class _Call:
    """One connection, and the association on it if there is one."""

    address: str
    began_at: datetime
    began: float
    calling_ae_title: str = ""
    called_ae_title: str = ""
    was_let_in: bool = False
    end: tuple[AssociationOutcome, str] | None = None
    stored: int = 0
    refused: int = 0
    byte_count: int = 0
    transfers: Transfers = field(default_factory=Transfers)


class CallLog:
    """Calls of one listener, known by the identity of their association; for any thread.

    Parameters
    ----------
    is_tls
        Whether the port speaks TLS.
    keep
        Lines that the archive keeps.
    clock, now
        Seconds that only grow; the time of day in UTC.
    """

    def __init__(
        self,
        *,
        is_tls: bool,
        keep: int,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._is_tls = is_tls
        self._keep = keep
        self._clock = clock
        self._now = now
        self._lock = threading.Lock()
        self._calls: dict[int, _Call] = {}
        self._ended: deque[NewAssociation] = deque(maxlen=_MOST_WAITING)
        self._audit: list[AuditEntry] = []
        self._turned_away = TurnedAway(clock)

    def opened(self, association: int, address: str) -> None:
        """Note that somebody connected."""
        call = _Call(address=address, began_at=self._now(), began=self._clock())
        with self._lock:
            self._calls[association] = call

    def let_in(self, association: int, *, calling_ae: str, called_ae: str) -> None:
        """Note that an association was accepted."""
        if call := self._calls.get(association):
            call.calling_ae_title, call.called_ae_title = _shown(calling_ae), _shown(called_ae)
            call.was_let_in = True

    def rejected(
        self, association: int, rejection: Rejection, *, calling_ae: str, called_ae: str
    ) -> None:
        """Note that an association was rejected."""
        if call := self._taken(association):
            call.calling_ae_title, call.called_ae_title = _shown(calling_ae), _shown(called_ae)
            codes = f"result {rejection.result}, source {rejection.source}"
            words = f"{rejection.words} ({codes}, reason {rejection.reason})"
            call.end = AssociationOutcome.REJECTED, words
            self._turned_away.note(self._line(call))

    def turned_away(self, address: str, words: str) -> None:
        """Note a connection that was ended before anybody could ask for an association."""
        call = _Call(address=address, began_at=self._now(), began=self._clock())
        call.end = AssociationOutcome.NO_REQUEST, words
        self._turned_away.note(self._line(call))

    def received(self, association: int, kept: Kept, file: ReceivedFile) -> None:
        """Note an object that was answered with success."""
        if call := self._calls.get(association):
            call.stored += 1
            call.byte_count += file.byte_count
            call.transfers.add(
                kept.admission.key.study_uid,
                sop_class_uid=file.heading.command.sop_class_uid,
                recorded=kept.recorded,
            )

    def refused(self, association: int) -> None:
        """Note an object that was refused."""
        if call := self._calls.get(association):
            call.refused += 1

    def ends(self, association: int, outcome: AssociationOutcome, words: str = "") -> None:
        """Note how an association ends; what was noted first counts."""
        call = self._calls.get(association)
        if call is not None and call.end is None:
            call.end = outcome, words

    def left(self, association: int) -> None:
        """Note that a connection is gone; safe to repeat."""
        if call := self._taken(association):
            self._finish(call)

    def keep_only(self, alive: Collection[int]) -> None:
        """Note that every other connection is gone; for those that ended without a word."""
        now = self._clock()
        with self._lock:
            gone = [
                one
                for one, call in self._calls.items()
                if one not in alive and now - call.began > _STARTS_WITHIN_SECONDS
            ]
        for association in gone:
            self.left(association)

    def end_all(self) -> None:
        """Note that every connection is gone, with the node."""
        for association in tuple(self._calls):
            self.left(association)

    def write_down(self, repository: Repository, *, everything: bool = False) -> None:
        """Have the archive keep what ended; not safe to repeat after success.

        Parameters
        ----------
        everything
            Also what is still being counted; for the end of the process.

        Raises
        ------
        ArchiveUnavailable
            The lines are kept for the next time.
        """
        with self._lock:
            self._ended.extend(self._turned_away.take(everything=everything))
            lines = tuple(self._ended)
            self._ended.clear()
            audit, self._audit = self._audit, []
        try:
            repository.record_associations(lines, keep=self._keep, audit=audit)
        except ArchiveUnavailable:
            with self._lock:
                self._ended.extendleft(reversed(lines))
                self._audit = audit + self._audit
            raise

    def _taken(self, association: int) -> _Call | None:
        with self._lock:
            return self._calls.pop(association, None)

    def _finish(self, call: _Call) -> None:
        if not call.was_let_in:
            words = NOBODY_ASKED if call.end is None else f"{NOBODY_ASKED}: {call.end[1]}"
            call.end = AssociationOutcome.NO_REQUEST, words
            self._turned_away.note(self._line(call))
            return
        line = self._line(call)
        with self._lock:
            self._ended.append(line)
            self._audit += call.transfers.entries(
                sender=line.calling_ae_title,
                receiver=line.called_ae_title,
                address=line.address,
            )

    def _line(self, call: _Call) -> NewAssociation:
        outcome, words = call.end or (AssociationOutcome.LOST, "the connection ended")
        return NewAssociation(
            began_at=call.began_at,
            seconds=self._clock() - call.began,
            calling_ae_title=call.calling_ae_title,
            called_ae_title=call.called_ae_title,
            address=call.address,
            is_tls=self._is_tls,
            outcome=outcome,
            words=words,
            stored=call.stored,
            refused=call.refused,
            byte_count=call.byte_count,
        )


def _shown(ae_title: str) -> str:
    """Return a title as it may stand in a table; it came from outside."""
    return "".join(one if one.isprintable() else "?" for one in ae_title.strip())[:16]
