"""What senders write: claims of deliveries, and what the destination answered."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, and_, or_, select, update

from archive.account_records import AuditEntry
from archive.errors import LeaseLost
from archive.operation_tables import paused_destinations
from archive.records import ClaimedDelivery, DeliveryState
from archive.repository.auditing import append_audit
from archive.repository.rows import AnyRow, claimed_delivery_of
from archive.repository.transactions import Transactions, database_now
from archive.schema import deliveries, reports
from archive.workflow import check_delivery_move, deliveries_that_may_become


class DeliveringRows(Transactions):
    """The delivery queue, one line per destination."""

    def claim_deliveries(
        self, claimant: str, destination: str, *, limit: int, lease_seconds: float
    ) -> tuple[ClaimedDelivery, ...]:
        """Claim what is due for one destination, urgent first, a study's reports in their order.

        A delivery waits while an earlier one of the same study and destination is on its way or
        waits for its next attempt. Also takes back what a silent sender held.
        """
        with self._reading() as connection:
            now = database_now(connection)
            due = _is_due(destination, now)
            if connection.execute(select(1).where(due).limit(1)).first() is None:
                return ()
        with self._writing() as connection:
            now = database_now(connection)
            _take_back_expired(connection, destination, now)
            rows = connection.execute(
                select(deliveries, *_REPORT_COLUMNS)
                .join(reports, reports.c.sop_instance_uid == deliveries.c.sop_instance_uid)
                .where(
                    deliveries.c.destination == destination,
                    deliveries.c.state == DeliveryState.READY,
                    deliveries.c.next_attempt_at <= now,
                    ~_earlier_one_waits(now),
                )
                .order_by(deliveries.c.priority.desc(), deliveries.c.delivery_id)
                .limit(limit)
                .with_for_update(skip_locked=True, of=deliveries)
            ).all()
            rows = _without_overtakers(connection, destination, rows) if rows else []
            connection.execute(
                update(deliveries)
                .where(deliveries.c.delivery_id.in_([row.delivery_id for row in rows]))
                .values(
                    state=DeliveryState.SENDING,
                    claimed_by=claimant,
                    lease_until=now + timedelta(seconds=lease_seconds),
                    attempt=deliveries.c.attempt + 1,
                )
            )
        return tuple(claimed_delivery_of(row, claimant) for row in rows)

    def extend_delivery_leases(self, claimant: str, *, lease_seconds: float) -> None:
        """Keep what `claimant` holds; call it well before the leases end."""
        with self._writing() as connection:
            until = database_now(connection) + timedelta(seconds=lease_seconds)
            connection.execute(
                update(deliveries)
                .where(
                    deliveries.c.claimed_by == claimant,
                    deliveries.c.state == DeliveryState.SENDING,
                )
                .values(lease_until=until)
            )

    def mark_delivered(
        self,
        claim: ClaimedDelivery,
        *,
        dicom_status: int | None,
        reason: str = "",
        sent_as: str | None = None,
        receipt: AuditEntry | None = None,
    ) -> None:
        """Record that the destination answered success, or a warning that means stored.

        Parameters
        ----------
        receipt
            The line of the audit trail that goes with it.
        sent_as
            The SOP class under which it took the object, where that is not the object's own.

        Raises
        ------
        LeaseLost
            Another sender has it by now; the destination then gets the same object twice, which
            it recognises by its UID.
        """
        with self._writing() as connection:
            now = database_now(connection)
            _leave_sending(
                connection,
                claim,
                DeliveryState.DELIVERED,
                dicom_status=dicom_status,
                reason=reason,
                delivered_at=now,
                sent_as=sent_as,
            )
            append_audit(connection, [receipt] if receipt else [])

    def retry_delivery(
        self,
        claim: ClaimedDelivery,
        *,
        delay_seconds: float,
        dicom_status: int | None,
        reason: str,
    ) -> None:
        """Record a failed attempt; the next is due after `delay_seconds`.

        Raises
        ------
        LeaseLost
            Another sender has it by now.
        """
        with self._writing() as connection:
            next_at = database_now(connection) + timedelta(seconds=delay_seconds)
            _leave_sending(
                connection,
                claim,
                DeliveryState.READY,
                dicom_status=dicom_status,
                reason=reason,
                next_attempt_at=next_at,
            )

    def release_deliveries(
        self, claims: Sequence[ClaimedDelivery], *, delay_seconds: float, reason: str
    ) -> None:
        """Give back what was never attempted, because the destination took no association.

        Claims lost in the meantime are left alone; the attempt is not counted.
        """
        with self._writing() as connection:
            next_at = database_now(connection) + timedelta(seconds=delay_seconds)
            for claim in claims:
                connection.execute(
                    update(deliveries)
                    .where(_is_held(claim))
                    .values(
                        state=DeliveryState.READY,
                        attempt=claim.attempt - 1,
                        reason=reason,
                        next_attempt_at=next_at,
                        claimed_by=None,
                        lease_until=None,
                    )
                )

    def give_up_delivery(
        self, claim: ClaimedDelivery, *, dicom_status: int | None, reason: str
    ) -> None:
        """Record that no further attempt makes sense; an administrator may replay it.

        Raises
        ------
        LeaseLost
            Another sender has it by now.
        """
        with self._writing() as connection:
            _leave_sending(
                connection,
                claim,
                DeliveryState.GAVE_UP,
                dicom_status=dicom_status,
                reason=reason,
            )

    def replay_deliveries(self, delivery_ids: Sequence[int]) -> int:
        """Make finished or waiting deliveries due now; returns how many."""
        finished = set(deliveries_that_may_become(DeliveryState.READY)) - {DeliveryState.SENDING}
        with self._writing() as connection:
            replayed = connection.execute(
                update(deliveries)
                .where(
                    deliveries.c.delivery_id.in_(list(delivery_ids)),
                    deliveries.c.state.in_([*finished, DeliveryState.READY]),
                )
                .values(
                    state=DeliveryState.READY,
                    attempt=0,
                    created_at=database_now(connection),
                    next_attempt_at=database_now(connection),
                    delivered_at=None,
                )
            )
        return replayed.rowcount


_REPORT_COLUMNS = (
    reports.c.sop_class_uid,
    reports.c.kind,
    reports.c.file_key,
    reports.c.file_sha256,
)


def _is_due(destination: str, now: datetime) -> Any:
    is_paused = select(1).where(paused_destinations.c.destination == destination).exists()
    return and_(
        deliveries.c.destination == destination,
        ~is_paused,
        # By this the index passes over all that was delivered.
        deliveries.c.state.in_([DeliveryState.READY, DeliveryState.SENDING]),
        or_(
            and_(deliveries.c.state == DeliveryState.READY, deliveries.c.next_attempt_at <= now),
            and_(deliveries.c.state == DeliveryState.SENDING, deliveries.c.lease_until < now),
        ),
    )


def _earlier_one_waits(now: datetime) -> Any:
    earlier = deliveries.alias("earlier")
    return (
        select(1)
        .where(
            earlier.c.destination == deliveries.c.destination,
            earlier.c.study_uid == deliveries.c.study_uid,
            earlier.c.delivery_id < deliveries.c.delivery_id,
            or_(
                earlier.c.state == DeliveryState.SENDING,
                and_(earlier.c.state == DeliveryState.READY, earlier.c.next_attempt_at > now),
            ),
        )
        .correlate(deliveries)
        .exists()
    )


def _without_overtakers(
    connection: Connection, destination: str, rows: Sequence[AnyRow]
) -> list[AnyRow]:
    """Drop what has an earlier one of its study before it that another sender is just claiming.

    Its claim is not visible yet, or was not when the rows were chosen; what it claims is locked.
    """
    others = (
        deliveries.c.destination == destination,
        deliveries.c.study_uid.in_({row.study_uid for row in rows}),
        deliveries.c.delivery_id.not_in({row.delivery_id for row in rows}),
    )
    unclaimed = set(
        connection.execute(
            select(deliveries.c.delivery_id)
            .where(*others, deliveries.c.state == DeliveryState.READY)
            .with_for_update(skip_locked=True)
        ).scalars()
    )
    before = connection.execute(
        select(deliveries.c.study_uid, deliveries.c.delivery_id).where(
            *others, deliveries.c.state.in_([DeliveryState.READY, DeliveryState.SENDING])
        )
    ).all()
    blocking = [(study, number) for study, number in before if number not in unclaimed]
    return [
        row
        for row in rows
        if not any(
            study == row.study_uid and number < row.delivery_id for study, number in blocking
        )
    ]


def _is_held(claim: ClaimedDelivery) -> Any:
    return and_(
        deliveries.c.delivery_id == claim.delivery_id,
        deliveries.c.claimed_by == claim.claimed_by,
        deliveries.c.attempt == claim.attempt,
        deliveries.c.state == DeliveryState.SENDING,
    )


def _leave_sending(
    connection: Connection, claim: ClaimedDelivery, state: DeliveryState, **values: Any
) -> None:
    check_delivery_move(DeliveryState.SENDING, state)
    left = connection.execute(
        update(deliveries)
        .where(_is_held(claim))
        .values(state=state, claimed_by=None, lease_until=None, **values)
    )
    if left.rowcount != 1:
        raise LeaseLost("the delivery is no longer ours")


def _take_back_expired(connection: Connection, destination: str, now: datetime) -> None:
    connection.execute(
        update(deliveries)
        .where(
            deliveries.c.destination == destination,
            deliveries.c.state == DeliveryState.SENDING,
            deliveries.c.lease_until < now,
        )
        .values(
            state=DeliveryState.READY,
            claimed_by=None,
            lease_until=None,
            next_attempt_at=now,
            reason="its sender went silent",
        )
    )
