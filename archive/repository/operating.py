"""What administrators ask: single deliveries, replay of many, destinations and errands."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, and_, delete, func, insert, or_, select, update

from archive.errors import LeaseLost, NotFound
from archive.operation_records import ClaimedErrand, DestinationStanding, Errand, ErrandKind
from archive.operation_tables import errands, paused_destinations
from archive.records import Delivery, DeliveryState
from archive.repository.rows import AnyRow, age_seconds, delivery_of
from archive.repository.transactions import Transactions, database_now, insert_if_absent
from archive.schema import deliveries, reports

_WAITING = (DeliveryState.READY, DeliveryState.SENDING)
_SETTLED = (DeliveryState.DELIVERED, DeliveryState.COMMITTED)


class OperatingRows(Transactions):
    """Deliveries and destinations as administrators see them."""

    def delivery(self, delivery_id: int) -> Delivery:
        """Return one delivery.

        Raises
        ------
        NotFound
            There is no such delivery.
        """
        with self._reading() as connection:
            row = connection.execute(
                select(deliveries, reports.c.sop_class_uid, reports.c.kind)
                .join(reports, reports.c.sop_instance_uid == deliveries.c.sop_instance_uid)
                .where(deliveries.c.delivery_id == delivery_id)
            ).one_or_none()
        if row is None:
            raise NotFound("no such delivery")
        return delivery_of(row)

    def deliveries_matching(
        self, *, state: DeliveryState, destination: str | None, limit: int
    ) -> tuple[int, ...]:
        """Return the numbers of deliveries in a state, the oldest first."""
        wanted = deliveries.c.state == state
        if destination is not None:
            wanted = and_(wanted, deliveries.c.destination == destination)
        with self._reading() as connection:
            return tuple(
                connection.execute(
                    select(deliveries.c.delivery_id)
                    .where(wanted)
                    .order_by(deliveries.c.delivery_id)
                    .limit(limit)
                ).scalars()
            )

    def abandon_delivery(self, delivery_id: int, *, reason: str) -> None:
        """Stop trying a delivery that waits; it may be replayed later.

        Raises
        ------
        NotFound
            There is no such delivery waiting.
        """
        with self._writing() as connection:
            given_up = connection.execute(
                update(deliveries)
                .where(
                    deliveries.c.delivery_id == delivery_id,
                    deliveries.c.state == DeliveryState.READY,
                )
                .values(state=DeliveryState.GAVE_UP, reason=reason)
                .returning(deliveries.c.delivery_id)
            )
            if given_up.first() is None:
                raise NotFound("no such delivery waits")

    def pause_destination(self, destination: str, *, paused_by: str) -> None:
        """Let nothing be sent to a destination until it is resumed; safe to repeat."""
        with self._writing() as connection:
            row = {
                "destination": destination,
                "paused_by": paused_by,
                "paused_at": database_now(connection),
            }
            insert_if_absent(connection, paused_destinations, row)

    def resume_destination(self, destination: str) -> None:
        """Send to a destination again; safe to repeat."""
        with self._writing() as connection:
            connection.execute(
                delete(paused_destinations).where(paused_destinations.c.destination == destination)
            )

    def destination_standings(self, destinations: Sequence[str]) -> tuple[DestinationStanding, ...]:
        """Return how each of the named destinations stands."""
        with self._reading() as connection:
            now = database_now(connection)
            return tuple(_standing(connection, name, now) for name in destinations)

    def ask_errand(self, kind: ErrandKind, destination: str, *, asked_by: str) -> int:
        """Ask the senders to try something; returns the number to look it up with."""
        with self._writing() as connection:
            errand_id: int = connection.execute(
                insert(errands)
                .values(
                    kind=kind,
                    destination=destination,
                    asked_by=asked_by,
                    asked_at=database_now(connection),
                    words="",
                )
                .returning(errands.c.errand_id)
            ).scalar_one()
        return errand_id

    def errand(self, errand_id: int) -> Errand:
        """Return an errand and what came of it.

        Raises
        ------
        NotFound
            There is no such errand.
        """
        with self._reading() as connection:
            row = connection.execute(
                select(errands).where(errands.c.errand_id == errand_id)
            ).one_or_none()
        if row is None:
            raise NotFound("no such errand")
        return _errand_of(row)

    def claim_errands(
        self, claimant: str, *, limit: int, lease_seconds: float
    ) -> tuple[ClaimedErrand, ...]:
        """Claim errands that nobody runs, the oldest first."""
        with self._reading() as connection:
            now = database_now(connection)
            if connection.execute(select(1).where(_is_open(now)).limit(1)).first() is None:
                return ()
        with self._writing() as connection:
            now = database_now(connection)
            rows = connection.execute(
                select(errands)
                .where(_is_open(now))
                .order_by(errands.c.errand_id)
                .limit(limit)
                .with_for_update(skip_locked=True)
            ).all()
            connection.execute(
                update(errands)
                .where(errands.c.errand_id.in_([row.errand_id for row in rows]))
                .values(claimed_by=claimant, lease_until=now + timedelta(seconds=lease_seconds))
            )
        return tuple(
            ClaimedErrand(
                errand_id=row.errand_id,
                claimed_by=claimant,
                kind=ErrandKind(row.kind),
                destination=row.destination,
            )
            for row in rows
        )

    def finish_errand(
        self, claim: ClaimedErrand, *, is_ok: bool, words: str, seconds: float
    ) -> None:
        """Say what came of an errand.

        Raises
        ------
        LeaseLost
            Another sender ran it.
        """
        with self._writing() as connection:
            finished = connection.execute(
                update(errands)
                .where(
                    errands.c.errand_id == claim.errand_id,
                    errands.c.claimed_by == claim.claimed_by,
                    errands.c.finished_at.is_(None),
                )
                .values(
                    finished_at=database_now(connection),
                    is_ok=is_ok,
                    words=words,
                    seconds=seconds,
                )
                .returning(errands.c.errand_id)
            )
            if finished.first() is None:
                raise LeaseLost("the errand is no longer ours")


def _is_open(now: datetime) -> Any:
    return and_(
        errands.c.finished_at.is_(None),
        or_(errands.c.claimed_by.is_(None), errands.c.lease_until < now),
    )


def _standing(connection: Connection, destination: str, now: datetime) -> DestinationStanding:
    here = deliveries.c.destination == destination
    counts: dict[str, int] = {
        row.state: row.number
        for row in connection.execute(
            select(deliveries.c.state, func.count().label("number"))
            .where(here)
            .group_by(deliveries.c.state)
        )
    }
    oldest = connection.execute(
        select(func.min(deliveries.c.created_at)).where(here, deliveries.c.state.in_(_WAITING))
    ).scalar_one()
    # One question for each state: that is two looks into an index.
    delivered_at = [
        connection.execute(
            select(func.max(deliveries.c.delivered_at)).where(here, deliveries.c.state == state)
        ).scalar_one()
        for state in _SETTLED
    ]
    paused = connection.execute(
        select(paused_destinations).where(paused_destinations.c.destination == destination)
    ).one_or_none()
    failed = connection.execute(
        select(deliveries.c.reason, deliveries.c.dicom_status, deliveries.c.next_attempt_at)
        .where(
            here,
            deliveries.c.reason != "",
            deliveries.c.state.in_([DeliveryState.READY, DeliveryState.GAVE_UP]),
        )
        .order_by(deliveries.c.next_attempt_at.desc())
        .limit(1)
    ).one_or_none()
    return DestinationStanding(
        destination=destination,
        is_paused=paused is not None,
        paused_by=paused.paused_by if paused else "",
        waiting=sum(counts.get(state, 0) for state in _WAITING),
        oldest_waiting_seconds=age_seconds(oldest, now),
        delivered=sum(counts.get(state, 0) for state in _SETTLED),
        committed=counts.get(DeliveryState.COMMITTED, 0),
        gave_up=counts.get(DeliveryState.GAVE_UP, 0),
        last_delivered_at=max(filter(None, delivered_at), default=None),
        last_failure=failed.reason if failed else "",
        last_errand=_last_errand(connection, destination),
    )


def _last_errand(connection: Connection, destination: str) -> Errand | None:
    row = connection.execute(
        select(errands)
        .where(
            errands.c.destination == destination,
            errands.c.finished_at.is_not(None),
        )
        .order_by(errands.c.errand_id.desc())
        .limit(1)
    ).one_or_none()
    return _errand_of(row) if row else None


def _errand_of(row: AnyRow) -> Errand:
    return Errand(
        errand_id=row.errand_id,
        kind=ErrandKind(row.kind),
        destination=row.destination,
        asked_by=row.asked_by,
        asked_at=row.asked_at,
        finished_at=row.finished_at,
        is_ok=row.is_ok,
        words=row.words,
        seconds=row.seconds,
    )
