"""Brings the audit trail to the hospital's audit server, line by line, and none of it is lost.

Each batch is recorded as sent only after the server has taken it. A repeat has the same number and
the same bytes.
"""

import structlog

from archive.database import Archive
from archive.errors import LeaseLost
from archive.operation_records import AuditLine
from dicom_node.audit_message import AuditSource, audit_message, has_succeeded
from dicom_node.syslog import Severity, SyslogMessage, SyslogServer

_log = structlog.get_logger()

AT_ONCE = 200
# Longer than a batch takes with every time-out; then another sender may go on.
LEASE_SECONDS = 300.0


class AuditFeed:
    """The trail on its way to the server; a `Feed`.

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
    """

    destination = "the audit server"

    def __init__(
        self, archive: Archive, server: SyslogServer, source: AuditSource, *, claimant: str
    ) -> None:
        self.claimant = claimant
        self._archive = archive
        self._server = server
        self._source = source

    def forward(self) -> bool:
        """Send one batch at most.

        Raises
        ------
        PeerUnavailable
            The server has not taken it, or perhaps not all of it.
        ArchiveUnavailable
            What was sent meanwhile is sent again.
        """
        repository = self._archive.repository
        lines = repository.claim_audit_lines(
            self.claimant, limit=AT_ONCE, lease_seconds=LEASE_SECONDS
        )
        if not lines:
            return False
        self._server.send([self._message(line) for line in lines])
        try:
            repository.audit_lines_sent(self.claimant, through=lines[-1].event.event_id)
        except LeaseLost:
            _log.warning("the audit trail is sent by another sender")
            return False
        return True

    def not_forwarded(self, reason: str) -> None:
        """Write down why the server has not got it."""
        try:
            self._archive.repository.audit_lines_not_sent(self.claimant, fault=reason)
        except LeaseLost:
            _log.warning("the audit trail is sent by another sender")

    def close(self) -> None:
        """Do nothing: a connection lasts no longer than one `forward`."""

    def abort(self) -> None:
        """Break the connection, so that a `forward` which waits for the server ends."""
        self._server.abort()

    def _message(self, line: AuditLine) -> SyslogMessage:
        event = line.event
        return SyslogMessage(
            number=event.event_id,
            at=event.at,
            severity=Severity.NOTICE if has_succeeded(event.entry) else Severity.WARNING,
            content=audit_message(line, self._source),
        )
