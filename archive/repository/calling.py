"""The log of associations: who called at the DICOM port, the newest so many of them."""

from collections.abc import Sequence
from dataclasses import asdict

from sqlalchemy import ColumnElement, Connection, delete, func, insert, or_, select

from archive.account_records import AuditEntry
from archive.association_records import (
    TURNED_AWAY,
    AssociationOutcome,
    AssociationQuery,
    NewAssociation,
    RecordedAssociation,
)
from archive.operation_tables import associations
from archive.repository.auditing import append_audit
from archive.repository.newest import newest_first
from archive.repository.rows import AnyRow
from archive.repository.transactions import Transactions

# At most this share of the lines is of callers who were turned away: whoever scans the port must
# not push out what is known of the hospital's own devices.
_SHARE_OF_TURNED_AWAY = 10


class CallingRows(Transactions):
    """What nodes write down of associations, and what administrators ask of them."""

    def record_associations(
        self, ended: Sequence[NewAssociation], *, keep: int, audit: Sequence[AuditEntry] = ()
    ) -> None:
        """Add lines, and forget the oldest beyond `keep`; not safe to repeat after success.

        Parameters
        ----------
        ended
            What ended.
        keep
            Lines of associations that are kept.
        audit
            What goes into the audit trail with it, and is kept for good.
        """
        if not ended and not audit:
            return
        with self._writing() as connection:
            append_audit(connection, audit)
            if not ended:
                return
            connection.execute(insert(associations), [asdict(one) for one in ended])
            _forget(connection, keep)
            if any(one.outcome in TURNED_AWAY for one in ended):
                _forget(connection, max(1, keep // _SHARE_OF_TURNED_AWAY), _was_turned_away())

    def associations(
        self, query: AssociationQuery, *, limit: int, before: int | None = None
    ) -> tuple[RecordedAssociation, ...]:
        """Return lines, the last that ended first.

        Parameters
        ----------
        query
            What is looked for.
        limit
            At most so many.
        before
            Only lines with a smaller number: those that follow on the next page.
        """
        statement = select(associations).where(*_wanted(query))
        statement = newest_first(
            statement, associations.c.association_id, limit=limit, before=before
        )
        with self._reading() as connection:
            return tuple(_association_of(row) for row in connection.execute(statement))


def _forget(connection: Connection, keep: int, *which: ColumnElement[bool]) -> None:
    oldest = (
        select(associations.c.association_id)
        .where(*which)
        .order_by(associations.c.association_id.desc())
        .offset(keep)
        .limit(1)
    )
    number = connection.execute(oldest).scalar_one_or_none()
    if number is not None:
        connection.execute(
            delete(associations).where(associations.c.association_id <= number, *which)
        )


def _was_turned_away() -> ColumnElement[bool]:
    return associations.c.outcome.in_(TURNED_AWAY)


def _wanted(query: AssociationQuery) -> list[ColumnElement[bool]]:
    wanted: list[ColumnElement[bool]] = []
    if query.peer:
        is_title = func.lower(associations.c.calling_ae_title) == query.peer.lower()
        wanted.append(or_(is_title, associations.c.address == query.peer))
    if query.outcome is not None:
        wanted.append(associations.c.outcome == query.outcome)
    return wanted


def _association_of(row: AnyRow) -> RecordedAssociation:
    values = dict(row._mapping)
    return RecordedAssociation(**values | {"outcome": AssociationOutcome(values["outcome"])})
