"""Brings the audit trail to the hospital's audit server, line by line, and none of it is lost.

Each batch is recorded as sent only after the server has taken it; one that is away is tried again
later, and the trail waits in the archive. A repeat has the same number and the same bytes.
"""

import threading

import structlog

from archive.database import Archive
from archive.errors import LeaseLost
from archive.operation_records import AuditLine
from dicom_node.audit_message import AuditSource, audit_message, has_succeeded
from dicom_node.backoff import BackOff
from dicom_node.errors import PeerUnavailable
from dicom_node.syslog import Severity, SyslogMessage, SyslogServer

_log = structlog.get_logger()

POLL_SECONDS = 1.0
AT_ONCE = 200
# Longer than a batch takes with every time-out; then another sender may go on.
LEASE_SECONDS = 300.0


class AuditExporter:
    """Sends the trail; `step` belongs to one thread.

    Parameters
    ----------
    archive
        Where the trail is, and how far it was sent.
    server
        Who gets it.
    source
        Who we say that we are.
    claimant
        No other sender may use it.
    back_off
        When to try again.
    """

    destination = "the audit server"
    holds_claims = False

    def __init__(
        self,
        archive: Archive,
        server: SyslogServer,
        source: AuditSource,
        *,
        claimant: str,
        back_off: BackOff,
    ) -> None:
        self.claimant = claimant
        self._archive = archive
        self._server = server
        self._source = source
        self._back_off = back_off
        self._failures = 0

    @property
    def is_waiting(self) -> bool:
        """Whether the server did not take what it was sent last."""
        return self._failures > 0

    def step(self, stop: threading.Event) -> float:
        """Send one batch at most, and return the seconds to wait before the next.

        Raises
        ------
        ArchiveUnavailable
            What was sent meanwhile is sent again.
        """
        del stop
        repository = self._archive.repository
        lines = repository.claim_audit_lines(
            self.claimant, limit=AT_ONCE, lease_seconds=LEASE_SECONDS
        )
        if not lines:
            return POLL_SECONDS
        try:
            self._server.send([self._message(line) for line in lines])
            repository.audit_lines_sent(self.claimant, through=lines[-1].event.event_id)
        except PeerUnavailable as error:
            return self._wait(str(error))
        except LeaseLost:
            _log.warning("the audit trail is sent by another sender")
            return POLL_SECONDS
        if self._failures:
            _log.info("the audit server takes the trail again")
        self._failures = 0
        return 0

    def close(self) -> None:
        """Do nothing: a connection lasts no longer than one `step`."""

    def abort(self) -> None:
        """Break the connection, so that a `step` which waits for the server ends."""
        self._server.abort()

    def _wait(self, reason: str) -> float:
        self._failures += 1
        delay_seconds = self._back_off.delay_seconds(self._failures)
        _log.warning("the audit server takes nothing", reason=reason, seconds=delay_seconds)
        try:
            self._archive.repository.audit_lines_not_sent(self.claimant, fault=reason)
        except LeaseLost:
            _log.warning("the audit trail is sent by another sender")
        return delay_seconds

    def _message(self, line: AuditLine) -> SyslogMessage:
        event = line.event
        return SyslogMessage(
            number=event.event_id,
            at=event.at,
            severity=Severity.NOTICE if has_succeeded(event.entry) else Severity.WARNING,
            content=audit_message(line, self._source),
        )
