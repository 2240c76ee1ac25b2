"""Storage commitment: transactions are recorded before anybody is asked, answers as they come.

A delivery is COMMITTED by the destination's own word only. What it does not keep, or never speaks
of, becomes GAVE_UP, where an administrator sees it and may have it sent again.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Select, and_, func, insert, or_, select, update

from archive.commitment_records import (
    CommitmentReference,
    CommitmentReport,
    CommitmentRequest,
    CommitmentState,
    NotCommitted,
)
from archive.commitment_tables import commitment_items, commitments
from archive.records import DeliveryState, SopInstanceUid
from archive.repository.rows import AnyRow
from archive.repository.transactions import Transactions, database_now
from archive.schema import deliveries, reports
from archive.workflow import check_delivery_move

NOT_YET = "not committed yet"
NOT_COMMITTED = "not committed"


class CommittingRows(Transactions):
    """Transactions of storage commitment and the deliveries in them."""

    def open_commitment(
        self, destination: str, *, transaction_uid: str, limit: int, answer_within_seconds: float
    ) -> CommitmentRequest | None:
        """Record a transaction for what was delivered and not asked for yet; None without any."""
        with self._writing() as connection:
            now = database_now(connection)
            rows = connection.execute(
                select(
                    deliveries.c.delivery_id,
                    deliveries.c.sop_instance_uid,
                    func.coalesce(deliveries.c.sent_as, reports.c.sop_class_uid).label("sent_as"),
                )
                .join(reports, reports.c.sop_instance_uid == deliveries.c.sop_instance_uid)
                .where(
                    deliveries.c.destination == destination,
                    deliveries.c.state == DeliveryState.DELIVERED,
                    ~_is_spoken_for(now),
                )
                .order_by(deliveries.c.delivery_id)
                .limit(limit)
                .with_for_update(skip_locked=True, of=deliveries)
            ).all()
            if not rows:
                return None
            connection.execute(
                insert(commitments).values(
                    transaction_uid=transaction_uid,
                    destination=destination,
                    state=CommitmentState.OPEN,
                    asked_at=now,
                    due_at=now + timedelta(seconds=answer_within_seconds),
                    reason="",
                )
            )
            connection.execute(
                insert(commitment_items),
                [
                    {"transaction_uid": transaction_uid, "delivery_id": row.delivery_id}
                    for row in rows
                ],
            )
        return CommitmentRequest(
            transaction_uid=transaction_uid,
            references=tuple(
                CommitmentReference(
                    sop_class_uid=row.sent_as,
                    sop_instance_uid=SopInstanceUid(row.sop_instance_uid),
                )
                for row in rows
            ),
        )

    def commitment_is_open(self, transaction_uid: str) -> bool:
        """Whether the answer to a transaction is still awaited."""
        with self._reading() as connection:
            state = connection.execute(
                select(commitments.c.state).where(commitments.c.transaction_uid == transaction_uid)
            ).scalar_one_or_none()
        return state == CommitmentState.OPEN

    def postpone_commitment(
        self, transaction_uid: str, *, delay_seconds: float, reason: str
    ) -> None:
        """Note that the destination could not be asked; its objects wait for `delay_seconds`.

        Should it have heard us all the same, its answer still counts.
        """
        with self._writing() as connection:
            due_at = database_now(connection) + timedelta(seconds=delay_seconds)
            if _leave_open(connection, transaction_uid, CommitmentState.UNSENT, due_at, reason):
                _say(connection, _delivered_in(transaction_uid), f"{NOT_YET}: {reason}")

    def fail_commitment(
        self, transaction_uid: str, *, delay_seconds: float, most_attempts: int, reason: str
    ) -> None:
        """Note that the destination refused to commit; after enough attempts give up, visibly."""
        with self._writing() as connection:
            due_at = database_now(connection) + timedelta(seconds=delay_seconds)
            _fail(connection, transaction_uid, due_at, most_attempts, reason)

    def expire_commitments(self, destination: str, *, most_attempts: int, reason: str) -> int:
        """Fail the transactions of a destination whose answer is overdue; returns how many."""
        with self._reading() as connection:
            overdue = _overdue(connection, destination, database_now(connection))
        if not overdue:
            return 0
        with self._writing() as connection:
            now = database_now(connection)
            for transaction_uid in overdue:
                _fail(connection, transaction_uid, now, most_attempts, reason)
        return len(overdue)

    def give_up_commitments(self, destination: str, *, after_seconds: float) -> int:
        """Give up what was delivered so long ago and could not be asked for; returns how many."""
        with self._writing() as connection:
            limit = database_now(connection) - timedelta(seconds=after_seconds)
            was_asked_for = (
                select(1).where(commitment_items.c.delivery_id == deliveries.c.delivery_id).exists()
            )
            given_up = connection.execute(
                update(deliveries)
                .where(
                    deliveries.c.destination == destination,
                    deliveries.c.state == DeliveryState.DELIVERED,
                    deliveries.c.delivered_at < limit,
                    was_asked_for,
                )
                .values(state=DeliveryState.GAVE_UP)
            )
        return given_up.rowcount

    def record_commitment(self, report: CommitmentReport) -> bool:
        """Record what a destination says it keeps and does not; False for an unknown transaction.

        Safe to repeat. A word that comes late still counts, except for what was sent again.
        """
        with self._writing() as connection:
            now = database_now(connection)
            known = connection.execute(
                update(commitments)
                .where(commitments.c.transaction_uid == report.transaction_uid)
                .values(state=CommitmentState.ANSWERED, answered_at=now)
                .returning(commitments.c.asked_at)
            ).one_or_none()
            if known is None:
                return False
            failed = {one.sop_instance_uid: one for one in report.failed}
            for row in _awaiting(connection, report.transaction_uid):
                if row.sop_instance_uid in failed:
                    if row.delivered_at <= known.asked_at:
                        _give_up(connection, row, failed[row.sop_instance_uid])
                elif row.sop_instance_uid in report.committed:
                    _settle(connection, row, DeliveryState.COMMITTED, reason="")
                elif row.delivered_at <= known.asked_at:
                    _give_up(connection, row, None)
        return True


def _is_spoken_for(now: datetime) -> Any:
    """Whether a delivery waits for an answer, or for the next attempt to ask."""
    return (
        select(1)
        .select_from(commitment_items.join(commitments))
        .where(
            commitment_items.c.delivery_id == deliveries.c.delivery_id,
            # What was sent again since is to be asked for again.
            commitments.c.asked_at >= deliveries.c.delivered_at,
            or_(
                commitments.c.state.in_([CommitmentState.OPEN, CommitmentState.ANSWERED]),
                commitments.c.due_at > now,
            ),
        )
        .correlate(deliveries)
        .exists()
    )


def _overdue(connection: Connection, destination: str, now: datetime) -> Sequence[str]:
    return (
        connection.execute(
            select(commitments.c.transaction_uid).where(
                commitments.c.destination == destination,
                commitments.c.state == CommitmentState.OPEN,
                commitments.c.due_at < now,
            )
        )
        .scalars()
        .all()
    )


def _leave_open(
    connection: Connection,
    transaction_uid: str,
    state: CommitmentState,
    due_at: datetime,
    reason: str,
) -> bool:
    """Move a transaction on unless its answer came meanwhile."""
    left = connection.execute(
        update(commitments)
        .where(
            commitments.c.transaction_uid == transaction_uid,
            commitments.c.state == CommitmentState.OPEN,
        )
        .values(state=state, due_at=due_at, reason=reason)
    )
    return left.rowcount == 1


def _fail(
    connection: Connection,
    transaction_uid: str,
    due_at: datetime,
    most_attempts: int,
    reason: str,
) -> None:
    if not _leave_open(connection, transaction_uid, CommitmentState.FAILED, due_at, reason):
        return
    here = _delivered_in(transaction_uid)
    _say(connection, here, f"{NOT_YET}: {reason}")
    check_delivery_move(DeliveryState.DELIVERED, DeliveryState.GAVE_UP)
    failures = (
        select(func.count())
        .select_from(commitment_items.join(commitments))
        .where(
            commitment_items.c.delivery_id == deliveries.c.delivery_id,
            commitments.c.state == CommitmentState.FAILED,
            commitments.c.asked_at >= deliveries.c.delivered_at,
        )
        .correlate(deliveries)
        .scalar_subquery()
    )
    connection.execute(
        update(deliveries)
        .where(here, failures >= most_attempts)
        .values(state=DeliveryState.GAVE_UP, reason=f"{NOT_COMMITTED}: {reason}")
    )


def _delivered_in(transaction_uid: str) -> Any:
    items = select(commitment_items.c.delivery_id).where(
        commitment_items.c.transaction_uid == transaction_uid
    )
    return and_(deliveries.c.delivery_id.in_(items), deliveries.c.state == DeliveryState.DELIVERED)


def _say(connection: Connection, here: Any, reason: str) -> None:
    connection.execute(update(deliveries).where(here).values(reason=reason))


def _awaiting(connection: Connection, transaction_uid: str) -> Sequence[AnyRow]:
    statement: Select[Any] = (
        select(
            deliveries.c.delivery_id,
            deliveries.c.state,
            deliveries.c.sop_instance_uid,
            deliveries.c.delivered_at,
        )
        .join(commitment_items, commitment_items.c.delivery_id == deliveries.c.delivery_id)
        .where(
            commitment_items.c.transaction_uid == transaction_uid,
            deliveries.c.state.in_([DeliveryState.DELIVERED, DeliveryState.GAVE_UP]),
            deliveries.c.delivered_at.is_not(None),
        )
    )
    return connection.execute(statement).all()


def _give_up(connection: Connection, row: AnyRow, failure: NotCommitted | None) -> None:
    if row.state == DeliveryState.GAVE_UP:
        return
    words = "the destination did not speak of it" if failure is None else failure.words
    values = {} if failure is None else {"dicom_status": failure.failure_reason}
    _settle(connection, row, DeliveryState.GAVE_UP, reason=f"{NOT_COMMITTED}: {words}", **values)


def _settle(connection: Connection, row: AnyRow, state: DeliveryState, **values: Any) -> None:
    check_delivery_move(DeliveryState(row.state), state)
    connection.execute(
        update(deliveries)
        .where(deliveries.c.delivery_id == row.delivery_id, deliveries.c.state == row.state)
        .values(state=state, **values)
    )
