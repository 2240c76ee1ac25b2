"""Brings one destination its reports, in order, and records what it answered."""

import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Protocol

import structlog

from archive.account_records import AuditEntry
from archive.database import Archive
from archive.errors import FileDamaged, FileMissing, LeaseLost
from archive.records import ClaimedDelivery
from config.logs import uid_digest
from config.settings import DeliverySettings
from dicom_node.answers import Answer, Consignment
from dicom_node.backoff import BackOff
from dicom_node.errors import ContextRefused, PeerUnavailable, ReportUnreadable
from dicom_node.standing import Standing
from dicom_node.statuses import DeliveryVerdict

_log = structlog.get_logger()

# An association costs several round trips, and a PACS has few to give: kept this long unused.
IDLE_SECONDS = 10.0

Receipt = Callable[[ClaimedDelivery, Answer], AuditEntry]


class Link(Protocol):
    """The way to one destination, whatever its kind; `dicom_node.links` makes them.

    Used by one thread, except for `abort`.
    """

    def send(self, consignment: Consignment) -> Answer:
        """Send one object and return what the destination answered; safe to repeat.

        Raises
        ------
        PeerUnavailable
            There was no answer, or one that every other object would get too.
        ContextRefused, ReportUnreadable
            This object can never be sent there.
        """

    def close(self) -> None:
        """End the connection in order."""

    def close_when_idle_for(self, seconds: float) -> None:
        """End the connection if it was not used for some seconds."""

    def abort(self) -> None:
        """Break the connection for good; a `send` that waits for an answer then ends."""


class Courier:
    """Serves one destination; `step` belongs to one thread.

    Parameters
    ----------
    destination
        Its name in the settings.
    archive
        Where deliveries wait.
    link
        The way to the destination.
    claimant
        Under which claims are held; no other courier may use it.
    standing
        Shared by the couriers of one destination; None where this is its only one.
    receipt
        Makes the line of the audit trail for what the destination took; None: there is none.
    back_off, clock, now
        When to try again; seconds that only grow; the time of day in UTC.
    """

    def __init__(
        self,
        destination: str,
        archive: Archive,
        link: Link,
        settings: DeliverySettings,
        *,
        claimant: str,
        standing: Standing | None = None,
        receipt: Receipt | None = None,
        back_off: BackOff | None = None,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.destination = destination
        self.claimant = claimant
        self._archive = archive
        self._link = link
        self._settings = settings
        self._back_off = back_off or BackOff(
            first_seconds=settings.first_retry_seconds,
            longest_seconds=settings.longest_retry_seconds,
        )
        self._standing = standing or Standing(self._back_off, clock=clock)
        self._receipt = receipt
        self._now = now
        self._holds_claims = False

    @property
    def is_waiting(self) -> bool:
        """Whether the destination failed and is not asked again before its back-off is over."""
        return self._standing.is_waiting

    @property
    def holds_claims(self) -> bool:
        """Whether leases must be extended."""
        return self._holds_claims

    def step(self, stop: threading.Event) -> float:
        """Deliver what is due, one batch at most, and return the seconds to wait before the next.

        Raises
        ------
        ArchiveUnavailable
            What was claimed stays claimed until its lease ends.
        """
        wait_seconds = self._standing.enter()
        if wait_seconds > 0:
            return wait_seconds
        try:
            return self._work(stop)
        finally:
            self._standing.leave()

    def close(self) -> None:
        """Release the association."""
        self._link.close()

    def abort(self) -> None:
        """Break the association, so that a `step` which waits for an answer ends."""
        self._link.abort()

    def _work(self, stop: threading.Event) -> float:
        claims = self._archive.repository.claim_deliveries(
            self.claimant,
            self.destination,
            # One probe for all that wait: a destination that failed gets a single report.
            limit=1 if self.is_waiting else self._settings.batch_size,
            lease_seconds=self._settings.lease_seconds,
        )
        if not claims:
            self._link.close_when_idle_for(IDLE_SECONDS)
            return self._settings.poll_seconds
        self._holds_claims = True
        try:
            self._deliver(claims, stop)
        finally:
            self._holds_claims = False
        return 0

    def _deliver(self, claims: Sequence[ClaimedDelivery], stop: threading.Event) -> None:
        for position, claim in enumerate(claims):
            rest = claims[position + 1 :]
            if stop.wait(self._standing.turn_seconds()):
                self._release([claim, *rest], delay_seconds=0, reason="the sender was stopped")
                return
            try:
                went_on = self._deliver_one(claim)
            except PeerUnavailable as error:
                self._wait([claim, *rest], str(error))
                return
            except LeaseLost:
                _log.warning("a delivery went to another sender", **_about(claim))
                went_on = True
            if not went_on:
                # Later reports of the same study must not overtake this one.
                delay_seconds = self._standing.remaining_seconds
                self._release(rest, delay_seconds=delay_seconds, reason="an earlier one waits")
                return

    def _deliver_one(self, claim: ClaimedDelivery) -> bool:
        """Send one report; False when the rest of the batch has to wait for it."""
        try:
            content = self._archive.files.read(claim.file_key, sha256=claim.file_sha256)
            answer = self._link.send(Consignment(claim=claim, content=content))
        except (ContextRefused, FileDamaged, FileMissing, ReportUnreadable) as error:
            self._give_up(claim, None, f"{type(error).__name__}: {error}")
            return True
        self._standing.answered()
        return self._record(claim, answer)

    def _record(self, claim: ClaimedDelivery, answer: Answer) -> bool:
        if answer.verdict in (DeliveryVerdict.DELIVERED, DeliveryVerdict.DELIVERED_WITH_WARNING):
            self._archive.repository.mark_delivered(
                claim,
                dicom_status=answer.dicom_status,
                reason=answer.reason,
                sent_as=answer.sent_as,
                receipt=self._receipt(claim, answer) if self._receipt else None,
            )
            _log.info("report delivered", reason=answer.reason, **_about(claim))
            return True
        if answer.verdict is DeliveryVerdict.REFUSED:
            self._give_up(claim, answer.dicom_status, answer.reason)
            return True
        if answer.verdict is DeliveryVerdict.PEER_IS_FULL:
            self._standing.failed()
        self._retry(claim, answer)
        return False

    def _retry(self, claim: ClaimedDelivery, answer: Answer) -> None:
        if self._is_too_old(claim):
            self._give_up(claim, answer.dicom_status, answer.reason)
            return
        delay_seconds = self._back_off.delay_seconds(claim.attempt)
        self._archive.repository.retry_delivery(
            claim,
            delay_seconds=delay_seconds,
            dicom_status=answer.dicom_status,
            reason=answer.reason,
        )
        _log.warning(
            "report not taken", reason=answer.reason, seconds=delay_seconds, **_about(claim)
        )

    def _give_up(self, claim: ClaimedDelivery, status: int | None, reason: str) -> None:
        self._archive.repository.give_up_delivery(claim, dicom_status=status, reason=reason)
        _log.error("gave up a report", reason=reason, **_about(claim))

    def _wait(self, claims: Sequence[ClaimedDelivery], reason: str) -> None:
        """Give everything back and leave the destination alone for a while."""
        delay_seconds = self._standing.failed()
        _log.warning(
            "destination not available",
            destination=self.destination,
            reason=reason,
            seconds=delay_seconds,
        )
        too_old = [claim for claim in claims if self._is_too_old(claim)]
        for claim in too_old:
            try:
                self._give_up(claim, None, reason)
            except LeaseLost:
                _log.warning("a delivery went to another sender", **_about(claim))
        young = [claim for claim in claims if claim not in too_old]
        self._release(young, delay_seconds=delay_seconds, reason=reason)

    def _release(
        self, claims: Sequence[ClaimedDelivery], *, delay_seconds: float, reason: str
    ) -> None:
        if claims:
            self._archive.repository.release_deliveries(
                claims, delay_seconds=delay_seconds, reason=reason
            )

    def _is_too_old(self, claim: ClaimedDelivery) -> bool:
        limit = timedelta(seconds=self._settings.give_up_after_seconds)
        return self._now() - claim.created_at > limit


def _about(claim: ClaimedDelivery) -> dict[str, object]:
    return {
        "destination": claim.destination,
        "delivery": claim.delivery_id,
        "attempt": claim.attempt,
        "instance": uid_digest(claim.sop_instance_uid),
    }
