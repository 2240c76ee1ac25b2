"""The audit trail on its way to the hospital's audit server: what is next, and how far it got."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, func, or_, select, update

from archive.account_tables import audit_events
from archive.errors import LeaseLost
from archive.operation_records import AuditExportStanding, AuditLine
from archive.operation_tables import audit_exports
from archive.repository.auditing import event_of
from archive.repository.rows import age_seconds
from archive.repository.transactions import Transactions, database_now, insert_if_absent
from archive.retention_tables import deletions
from archive.schema import studies

# There is one server, wherever it moves to: what one has the next does not get again.
_RECEIVER = "syslog"
_BEGINNING = {"receiver": _RECEIVER, "event_id": 0, "fault": ""}


class AuditExportingRows(Transactions):
    """What senders of the audit trail ask and say."""

    def claim_audit_lines(
        self, claimant: str, *, limit: int, lease_seconds: float
    ) -> tuple[AuditLine, ...]:
        """Take the next lines to be sent, the oldest first; none while another sender has them.

        Without `audit_lines_sent` or `audit_lines_not_sent` they may be taken again after the
        lease, by anybody.
        """
        if not self.audit_export_standing().waiting:
            return ()
        with self._writing() as connection:
            insert_if_absent(connection, audit_exports, _BEGINNING)
            now = database_now(connection)
            is_free = or_(
                audit_exports.c.claimed_by.is_(None),
                audit_exports.c.claimed_by == claimant,
                audit_exports.c.lease_until < now,
            )
            position = connection.execute(
                update(audit_exports)
                .where(audit_exports.c.receiver == _RECEIVER, is_free)
                .values(claimed_by=claimant, lease_until=now + timedelta(seconds=lease_seconds))
                .returning(audit_exports.c.event_id)
            ).scalar_one_or_none()
            if position is None:
                return ()
            rows = connection.execute(
                select(
                    audit_events,
                    func.coalesce(studies.c.patient_id, _patient_of_deleted()).label("patient_id"),
                )
                .outerjoin(studies, studies.c.study_uid == audit_events.c.study_uid)
                .where(audit_events.c.event_id > position)
                .order_by(audit_events.c.event_id)
                .limit(limit)
            ).all()
        return tuple(
            AuditLine(event=event_of(row), patient_id=row.patient_id or "") for row in rows
        )

    def audit_lines_sent(self, claimant: str, *, through: int) -> None:
        """Say that the server has all lines up to and with the one of this number.

        Raises
        ------
        LeaseLost
            Another sender has them by now; the server may get some of them twice.
        """
        with self._writing() as connection:
            _release(
                connection,
                claimant,
                event_id=through,
                sent_at=database_now(connection),
                fault="",
                failing_since=None,
            )

    def audit_lines_not_sent(self, claimant: str, *, fault: str) -> None:
        """Say why the server has not got them.

        Raises
        ------
        LeaseLost
            Another sender has them by now.
        """
        with self._writing() as connection:
            since = func.coalesce(audit_exports.c.failing_since, database_now(connection))
            _release(connection, claimant, fault=fault, failing_since=since)

    def audit_export_standing(self) -> AuditExportStanding:
        """Return how far the trail got."""
        with self._reading() as connection:
            export = connection.execute(
                select(audit_exports).where(audit_exports.c.receiver == _RECEIVER)
            ).one_or_none()
            position = export.event_id if export else 0
            newest = connection.execute(select(func.max(audit_events.c.event_id))).scalar_one()
            oldest: datetime | None = connection.execute(
                select(audit_events.c.at).where(audit_events.c.event_id == position + 1)
            ).scalar_one_or_none()
            return AuditExportStanding(
                waiting=(newest or 0) - position,
                oldest_waiting_seconds=(
                    age_seconds(oldest, database_now(connection)) if oldest else 0.0
                ),
                last_sent_at=export.sent_at if export else None,
                fault=export.fault if export else "",
                failing_since=export.failing_since if export else None,
            )


def _patient_of_deleted() -> ColumnElement[str | None]:
    """Return whom a line was about whose study was deleted since."""
    return (
        select(deletions.c.patient_id)
        .where(deletions.c.study_uid == audit_events.c.study_uid)
        .order_by(deletions.c.deletion_id.desc())
        .limit(1)
        .correlate(audit_events)
        .scalar_subquery()
    )


def _release(connection: Connection, claimant: str, **values: Any) -> None:
    released = connection.execute(
        update(audit_exports)
        .where(
            and_(
                audit_exports.c.receiver == _RECEIVER,
                audit_exports.c.claimed_by == claimant,
            )
        )
        .values(claimed_by=None, lease_until=None, **values)
        .returning(audit_exports.c.receiver)
    )
    if released.first() is None:
        raise LeaseLost("the audit trail is sent by another")
