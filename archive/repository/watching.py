"""What people who watch the system ask: which parts are alive, how much waits where."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, func, select, update

from archive.operation_tables import rejections
from archive.records import DeliveryState, ProcessBeat, ProcessKind, QueueDepth, StudyState
from archive.repository.rows import age_seconds
from archive.repository.transactions import Transactions, database_now, insert_if_absent
from archive.schema import deliveries, process_beats, studies

# A process that was silent for this long is gone for good.
FORGOTTEN_AFTER = timedelta(days=1)


class WatchingRows(Transactions):
    """Beats of the processes and depths of the queues."""

    def beat(self, kind: ProcessKind, name: str, detail: str = "") -> None:
        """Say that a process can work now."""
        with self._writing() as connection:
            now = database_now(connection)
            row = {"kind": kind, "name": name, "beat_at": now, "detail": detail}
            if insert_if_absent(connection, process_beats, row):
                connection.execute(
                    delete(process_beats).where(process_beats.c.beat_at < now - FORGOTTEN_AFTER)
                )
                return
            connection.execute(
                update(process_beats)
                .where(process_beats.c.kind == kind, process_beats.c.name == name)
                .values(beat_at=now, detail=detail)
            )

    def count_rejections(self, counts: Mapping[str, int]) -> None:
        """Add to how many associations were turned away, by reason; not safe to repeat."""
        with self._writing() as connection:
            now = database_now(connection)
            for reason, count in counts.items():
                row = {"reason": reason, "count": count, "last_at": now}
                if not insert_if_absent(connection, rejections, row):
                    connection.execute(
                        update(rejections)
                        .where(rejections.c.reason == reason)
                        .values(count=rejections.c.count + count, last_at=now)
                    )

    def rejection_counts(self) -> dict[str, int]:
        """Return how many associations were turned away, by reason."""
        with self._reading() as connection:
            rows = connection.execute(select(rejections.c.reason, rejections.c.count)).all()
        return {row.reason: int(row[1]) for row in rows}

    def beats(self) -> tuple[ProcessBeat, ...]:
        """Return the processes heard of within a day, the last heard first."""
        with self._reading() as connection:
            now = database_now(connection)
            rows = connection.execute(
                select(process_beats).order_by(process_beats.c.beat_at.desc())
            ).all()
        return tuple(
            ProcessBeat(
                kind=ProcessKind(row.kind),
                name=row.name,
                beat_at=row.beat_at,
                age_seconds=age_seconds(row.beat_at, now),
                detail=row.detail,
            )
            for row in rows
        )

    def queue_depths(self) -> tuple[QueueDepth, ...]:
        """Return how much waits at each stage and for how long the oldest has."""
        with self._reading() as connection:
            now = database_now(connection)
            return (*_study_depths(connection, now), *_delivery_depths(connection, now))

    def study_counts(self) -> dict[StudyState, int]:
        """Return how many studies stand in each state."""
        with self._reading() as connection:
            rows = connection.execute(
                select(studies.c.state, func.count()).group_by(studies.c.state)
            ).all()
        counts = {StudyState(state): count for state, count in rows}
        return {state: counts.get(state, 0) for state in StudyState}

    def delivery_counts(self) -> dict[tuple[str, DeliveryState], int]:
        """Return how many deliveries stand in each state, by destination."""
        with self._reading() as connection:
            rows = connection.execute(
                select(deliveries.c.destination, deliveries.c.state, func.count()).group_by(
                    deliveries.c.destination, deliveries.c.state
                )
            ).all()
        return {(destination, DeliveryState(state)): count for destination, state, count in rows}


_STUDY_STAGES = {
    "receiving": (StudyState.RECEIVING, studies.c.receiving_since),
    "queued": (StudyState.QUEUED, studies.c.queued_at),
    "analysing": (StudyState.ANALYSING, studies.c.queued_at),
    "failed": (StudyState.FAILED, studies.c.last_received_at),
}
_DELIVERY_STAGES = {
    "ready": DeliveryState.READY,
    "sending": DeliveryState.SENDING,
    "gave_up": DeliveryState.GAVE_UP,
}


def _study_depths(connection: Connection, now: datetime) -> list[QueueDepth]:
    depths = []
    for stage, (state, since) in _STUDY_STAGES.items():
        count, oldest = connection.execute(
            select(func.count(), func.min(since)).where(studies.c.state == state)
        ).one()
        depths.append(
            QueueDepth(stage=stage, count=count, oldest_age_seconds=age_seconds(oldest, now))
        )
    return depths


def _delivery_depths(connection: Connection, now: datetime) -> list[QueueDepth]:
    depths = []
    for stage, state in _DELIVERY_STAGES.items():
        count, oldest = connection.execute(
            select(func.count(), func.min(deliveries.c.created_at)).where(
                deliveries.c.state == state
            )
        ).one()
        depths.append(
            QueueDepth(stage=stage, count=count, oldest_age_seconds=age_seconds(oldest, now))
        )
    return depths
