"""The audit trail: one line per thing done, chained by digests, never changed."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, insert, select, text

from archive.account_records import AuditEntry, AuditEvent
from archive.account_tables import audit_events
from archive.errors import AuditBroken
from archive.repository.newest import newest_first
from archive.repository.rows import AnyRow
from archive.repository.transactions import Transactions, database_now

FIRST_DIGEST = "0" * 64
# Writers take turns, so that each line can hold the digest of the one before.
CHAIN_LOCK = 4712
LINES_AT_ONCE = 1000


class AuditRows(Transactions):
    """What was done by whom."""

    def record_audit(self, entry: AuditEntry) -> AuditEvent:
        """Add a line; durable on return."""
        with self._writing() as connection:
            return append_audit(connection, [entry])[0]

    def audit_events(
        self,
        *,
        limit: int,
        before: int | None = None,
        actor: str | None = None,
        action: str | None = None,
        study_uid: str | None = None,
    ) -> tuple[AuditEvent, ...]:
        """Return lines, the newest first, those before the line `before` where it is given."""
        wanted = {"actor": actor, "action": action, "study_uid": study_uid}
        statement = select(audit_events)
        for name, value in wanted.items():
            if value is not None:
                statement = statement.where(audit_events.c[name] == value)
        statement = newest_first(statement, audit_events.c.event_id, limit=limit, before=before)
        with self._reading() as connection:
            rows = connection.execute(statement).all()
        return tuple(event_of(row) for row in rows)

    def verify_audit(self) -> int:
        """Recompute the whole chain and return how many lines it has.

        Raises
        ------
        AuditBroken
            Naming the first line that was changed, removed or put in between.
        """
        previous, count = FIRST_DIGEST, 0
        for event in self.all_audit_events():
            count += 1
            if event.event_id != count:
                raise AuditBroken(f"line {count} is missing")
            is_chained = event.previous_digest == previous
            if not is_chained or event.digest != digest_of(
                event.event_id, event.at, event.entry, previous
            ):
                raise AuditBroken(f"line {count} was changed")
            previous = event.digest
        return count

    def all_audit_events(self) -> Iterator[AuditEvent]:
        """Return every line, the oldest first, so many at once."""
        last = 0
        while True:
            with self._reading() as connection:
                rows = connection.execute(
                    select(audit_events)
                    .where(audit_events.c.event_id > last)
                    .order_by(audit_events.c.event_id)
                    .limit(LINES_AT_ONCE)
                ).all()
            if not rows:
                return
            yield from (event_of(row) for row in rows)
            last = rows[-1].event_id


def digest_of(event_id: int, at: datetime, entry: AuditEntry, previous_digest: str) -> str:
    """Return the SHA-256 of a line and of the digest before it, in hexadecimal."""
    content: dict[str, Any] = {
        "event_id": event_id,
        "at": at.astimezone(UTC).isoformat(timespec="microseconds"),
        "actor": entry.actor,
        "action": entry.action,
        "outcome": entry.outcome,
        "study_uid": entry.study_uid,
        "address": entry.address,
        "details": entry.details,
        "previous_digest": previous_digest,
    }
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return sha256(canonical.encode()).hexdigest()


def append_audit(connection: Connection, entries: Sequence[AuditEntry]) -> tuple[AuditEvent, ...]:
    """Add lines within a transaction, which other writers of lines wait for."""
    if not entries:
        return ()
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": CHAIN_LOCK})
    last = connection.execute(
        select(audit_events.c.event_id, audit_events.c.digest)
        .order_by(audit_events.c.event_id.desc())
        .limit(1)
    ).one_or_none()
    event_id, previous = (last.event_id, last.digest) if last else (0, FIRST_DIGEST)
    at = database_now(connection)
    events = []
    for entry in entries:
        event_id += 1
        digest = digest_of(event_id, at, entry, previous)
        events.append(
            AuditEvent(
                event_id=event_id, at=at, entry=entry, previous_digest=previous, digest=digest
            )
        )
        previous = digest
    connection.execute(insert(audit_events), [_row_of(event) for event in events])
    return tuple(events)


def _row_of(event: AuditEvent) -> dict[str, Any]:
    return {
        "event_id": event.event_id,
        "at": event.at,
        **asdict(event.entry),
        "previous_digest": event.previous_digest,
        "digest": event.digest,
    }


def event_of(row: AnyRow) -> AuditEvent:
    """Return a row of the trail as a record."""
    return AuditEvent(
        event_id=row.event_id,
        at=row.at,
        entry=AuditEntry(
            actor=row.actor,
            action=row.action,
            outcome=row.outcome,
            study_uid=row.study_uid,
            address=row.address,
            details=row.details,
        ),
        previous_digest=row.previous_digest,
        digest=row.digest,
    )
