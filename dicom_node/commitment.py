"""Storage commitment (PS3.4 annex J): asks destinations to confirm that they keep what they took.

A transaction is recorded before the destination hears of it: its report (N-EVENT-REPORT) may come
before the answer to our request (N-ACTION), on the same association or on one that it opens to our
listener. Wherever it comes, `handle_event_report` records it.
"""

import threading
import time
from collections.abc import Callable

import structlog
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as DicomSequence
from pydicom.uid import generate_uid
from pynetdicom import evt
from pynetdicom.association import Association
from pynetdicom.events import Event
from pynetdicom.presentation import PresentationContext, build_context
from pynetdicom.sop_class import (  # type: ignore[attr-defined]  # made at import
    StorageCommitmentPushModel,
    StorageCommitmentPushModelInstance,
)

from archive.commitment_records import CommitmentReport, CommitmentRequest, NotCommitted
from archive.database import Archive
from archive.errors import ArchiveUnavailable
from archive.records import SopInstanceUid
from config.settings import DeliverySettings
from dicom_node.backoff import BackOff
from dicom_node.errors import NotificationUnreadable, PeerUnavailable
from dicom_node.sender import Peer, application_entity, associate
from dicom_node.statuses import NotificationStatus, StoreStatus, words_for

_log = structlog.get_logger()

# PS3.4 J.3.2: the only action of the class.
REQUEST_STORAGE_COMMITMENT = 1
# Objects in one transaction: a request stays below the size that any peer takes.
MOST_REFERENCES = 100
POLL_SECONDS = 1.0
# How long the association stays open for a report that comes on it; then the destination has to
# open one to us.
SAME_ASSOCIATION_SECONDS = 5.0
_LOOK_SECONDS = 0.1


def commitment_context() -> PresentationContext:
    """Return how the listener takes part: the caller is the SCP (PS3.7 D.3.3.4)."""
    context = build_context(StorageCommitmentPushModel)
    context.scu_role = True
    context.scp_role = True
    return context


def handle_event_report(event: Event, archive: Archive) -> tuple[int, None]:
    """Answer N-EVENT-REPORT (PS3.4 J.3.3); success only once its words are recorded."""
    try:
        report = read_report(event.event_information)
        is_known = archive.repository.record_commitment(report)
    except NotificationUnreadable as error:
        _log.warning("storage commitment report refused", reason=str(error))
        return NotificationStatus.INVALID_ARGUMENT, None
    except ArchiveUnavailable:
        return NotificationStatus.PROCESSING_FAILURE, None
    except Exception as error:  # noqa: BLE001  # pynetdicom would answer for us
        _log.error("storage commitment report failed", error=type(error).__name__)
        return NotificationStatus.PROCESSING_FAILURE, None
    if not is_known:
        _log.warning("storage commitment report refused", reason="unknown transaction")
        return NotificationStatus.INVALID_ARGUMENT, None
    say = _log.warning if report.failed else _log.info
    say(
        "storage commitment reported",
        count=len(report.committed),
        reason=f"{len(report.failed)} not committed",
    )
    return NotificationStatus.SUCCESS, None


def read_report(information: Dataset) -> CommitmentReport:
    """Return what an event information says (PS3.4 table J.3-2).

    Raises
    ------
    NotificationUnreadable
        It names no transaction.
    """
    transaction_uid = str(information.get("TransactionUID", "") or "")
    if not transaction_uid:
        raise NotificationUnreadable("the transaction is not named")
    return CommitmentReport(
        transaction_uid=transaction_uid,
        committed=frozenset(
            SopInstanceUid(str(item.get("ReferencedSOPInstanceUID", "")))
            for item in information.get("ReferencedSOPSequence") or ()
        ),
        failed=tuple(_not_committed(item) for item in information.get("FailedSOPSequence") or ()),
    )


def _not_committed(item: Dataset) -> NotCommitted:
    reason = item.get("FailureReason")
    return NotCommitted(
        sop_instance_uid=SopInstanceUid(str(item.get("ReferencedSOPInstanceUID", ""))),
        failure_reason=reason if isinstance(reason, int) else None,
        words=words_for(reason) if isinstance(reason, int) else "no reason given",
    )


def action_information(request: CommitmentRequest) -> Dataset:
    """Return what is asked for (PS3.4 table J.3-1)."""
    information = Dataset()
    information.TransactionUID = request.transaction_uid
    items = []
    for reference in request.references:
        item = Dataset()
        item.ReferencedSOPClassUID = reference.sop_class_uid
        item.ReferencedSOPInstanceUID = reference.sop_instance_uid
        items.append(item)
    information.ReferencedSOPSequence = DicomSequence(items)
    return information


class Clerk:
    """Asks one destination to commit; `step` belongs to one thread.

    Parameters
    ----------
    destination
        Its name in the settings.
    peer
        How it is called.
    calling_ae_title
        Who we say that we are; the destination reports to the address that it knows of this title.
    back_off, clock
        When to try again; seconds that only grow.
    """

    holds_claims = False
    claimant = ""

    def __init__(
        self,
        destination: str,
        peer: Peer,
        archive: Archive,
        settings: DeliverySettings,
        *,
        calling_ae_title: str,
        back_off: BackOff | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.destination = destination
        self._peer = peer
        self._archive = archive
        self._settings = settings
        self._ae = application_entity(calling_ae_title, timeout_seconds=settings.timeout_seconds)
        self._back_off = back_off or BackOff(
            first_seconds=settings.first_retry_seconds,
            longest_seconds=settings.longest_retry_seconds,
        )
        self._clock = clock
        self._failures = 0
        self._association: Association | None = None

    @property
    def is_waiting(self) -> bool:
        """Whether the destination could not be asked and is left alone for a while."""
        return self._failures > 0

    def step(self, stop: threading.Event) -> float:
        """Ask for one transaction at most, and return the seconds to wait before the next.

        Raises
        ------
        ArchiveUnavailable
            What was recorded counts all the same.
        """
        self._give_up_what_is_late()
        request = self._archive.repository.open_commitment(
            self.destination,
            transaction_uid=str(generate_uid(prefix=None)),
            limit=MOST_REFERENCES,
            answer_within_seconds=self._settings.commitment_timeout_seconds,
        )
        if request is None:
            return POLL_SECONDS
        try:
            status = self._ask(request, stop)
        except PeerUnavailable as error:
            return self._wait(request, str(error))
        self._failures = 0
        if status != StoreStatus.SUCCESS:
            self._refused(request, words_for(status))
        return 0

    def close(self) -> None:
        """Do nothing: an association lasts no longer than one `step`."""

    def abort(self) -> None:
        """Break the association, so that a `step` which waits for an answer ends."""
        association = self._association
        if association is not None and association.is_established:
            association.abort()

    def _ask(self, request: CommitmentRequest, stop: threading.Event) -> int:
        association = self._association = associate(
            self._ae,
            self._peer,
            [build_context(StorageCommitmentPushModel)],
            self._settings.timeout_seconds,
            handlers=[(evt.EVT_N_EVENT_REPORT, handle_event_report, [self._archive])],
        )
        try:
            answer, _ = association.send_n_action(
                action_information(request),
                REQUEST_STORAGE_COMMITMENT,
                StorageCommitmentPushModel,
                StorageCommitmentPushModelInstance,
            )
            if "Status" not in answer:
                raise PeerUnavailable("no answer to N-ACTION")
            status = int(answer.Status)
            if status == StoreStatus.SUCCESS:
                self._await_report(request, association, stop)
            return status
        except (RuntimeError, OSError, ValueError):
            raise PeerUnavailable("the association ended") from None
        finally:
            self._association = None
            if association.is_established:
                association.release()

    def _await_report(
        self, request: CommitmentRequest, association: Association, stop: threading.Event
    ) -> None:
        """Keep the association while a report may come on it."""
        until = self._clock() + SAME_ASSOCIATION_SECONDS
        while (
            self._archive.repository.commitment_is_open(request.transaction_uid)
            and association.is_established
            and self._clock() < until
        ):
            if stop.wait(_LOOK_SECONDS):
                return

    def _refused(self, request: CommitmentRequest, words: str) -> None:
        self._archive.repository.fail_commitment(
            request.transaction_uid,
            delay_seconds=self._back_off.delay_seconds(1),
            most_attempts=self._settings.commitment_attempts,
            reason=words,
        )
        _log.warning(
            "storage commitment refused",
            destination=self.destination,
            reason=words,
            count=len(request.references),
        )

    def _wait(self, request: CommitmentRequest, reason: str) -> float:
        self._failures += 1
        delay_seconds = self._back_off.delay_seconds(self._failures)
        self._archive.repository.postpone_commitment(
            request.transaction_uid, delay_seconds=delay_seconds, reason=reason
        )
        _log.warning(
            "storage commitment could not be asked for",
            destination=self.destination,
            reason=reason,
            seconds=delay_seconds,
        )
        return delay_seconds

    def _give_up_what_is_late(self) -> None:
        repository, settings = self._archive.repository, self._settings
        late = repository.expire_commitments(
            self.destination,
            most_attempts=settings.commitment_attempts,
            reason=f"no answer for {settings.commitment_timeout_seconds:g} s",
        )
        late += repository.give_up_commitments(
            self.destination, after_seconds=settings.give_up_after_seconds
        )
        if late:
            _log.warning("storage commitment is late", destination=self.destination, count=late)
