"""What the node writes: instances as they arrive, and studies as they become complete."""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Dialect, Engine, and_, bindparam, case, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from archive.errors import ArchiveUnavailable
from archive.records import (
    Arrival,
    ArrivedImage,
    FileKey,
    InstanceKey,
    Recorded,
    RecordedFile,
    RuleDecision,
    StudyState,
    StudyUid,
)
from archive.repository.prepared import Prepared
from archive.repository.transactions import Transactions, database_now, insert_if_absent
from archive.schema import conflicts, instances, studies
from archive.together import Together
from archive.workflow import FINISHED_STUDIES, studies_that_may_become

# Decided and queued in one transaction; the next tick takes the next.
MOST_AT_ONCE = 200

Decide = Callable[[Sequence[ArrivedImage]], RuleDecision]

_IS_COMPLETE = and_(
    studies.c.state == StudyState.RECEIVING,
    or_(
        studies.c.active_at <= bindparam("quiet_since"),
        studies.c.receiving_since <= bindparam("open_since"),
    ),
)
# Asked ten times a second: built once, because building takes longer than running.
_COMPLETE_STUDIES = (
    select(studies.c.study_uid, studies.c.revision, studies.c.receiving_since)
    .where(_IS_COMPLETE)
    .order_by(studies.c.priority.desc(), studies.c.receiving_since)
    .limit(MOST_AT_ONCE)
)


def analyse_everything(images: Sequence[ArrivedImage]) -> RuleDecision:
    """Decide as an installation without rules does."""
    del images
    return RuleDecision()


class ReceivingRows(Transactions):
    """Instances and the completeness of their studies."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self._statements = _Statements.of(engine.dialect)
        # Associations that finish an object at the same moment share one commit.
        self._recording = Together(self._record_all, alone_after=(_NotNew,))

    def record_instance(self, arrival: Arrival) -> Recorded:
        """Record an instance whose bytes are durable; safe to repeat, from any thread.

        A new instance takes its study back to RECEIVING whatever its state was: a worker that
        holds the study loses it, and a study already reported gets a further result.

        Raises
        ------
        ArchiveUnavailable
            Nothing was recorded; the sender must not hear success.
        """
        try:
            self._recording.do(arrival)
        except _NotNew:
            return self._compare(arrival)
        return Recorded.NEW

    def record_repeat(self, key: InstanceKey) -> None:
        """Note that an instance came again, so that it stays as long as one that came first.

        Nothing else of its study changes. Safe to repeat.

        Raises
        ------
        ArchiveUnavailable
            Its study was just deleted; the sender must not hear success.
        """
        with self._writing() as connection:
            # In any other state a study is safe, and what comes of it makes it young.
            connection.execute(
                update(studies)
                .where(studies.c.study_uid == key.study_uid, studies.c.state.in_(FINISHED_STUDIES))
                .values(active_at=database_now(connection))
            )
            # Asked last: whoever deletes the study holds its row, and was waited for.
            is_here = connection.execute(
                select(1).where(instances.c.sop_instance_uid == key.sop_instance_uid)
            ).first()
        if is_here is None:
            raise ArchiveUnavailable("its study was just deleted: try again")

    def record_conflict(self, arrival: Arrival, *, data_set_sha256: str) -> None:
        """List a file that was kept apart because its UID stands for another object."""
        with self._writing() as connection:
            row = {
                "sop_instance_uid": arrival.key.sop_instance_uid,
                "study_uid": arrival.key.study_uid,
                "file_key": arrival.file_key,
                "data_set_sha256": data_set_sha256,
                "calling_ae_title": arrival.calling_ae_title,
                "received_at": database_now(connection),
            }
            insert_if_absent(connection, conflicts, row)

    def recorded_file(self, sop_instance_uid: str) -> RecordedFile | None:
        """Return the file that is recorded under a UID, or None."""
        with self._reading() as connection:
            row = connection.execute(
                select(instances.c.file_key, instances.c.file_sha256).where(
                    instances.c.sop_instance_uid == sop_instance_uid
                )
            ).one_or_none()
        if row is None:
            return None
        return RecordedFile(file_key=FileKey(row.file_key), file_sha256=row.file_sha256)

    def touch_receiving(self, study_uids: Iterable[StudyUid]) -> None:
        """Note that associations which bring these studies are still open."""
        wanted = sorted(study_uids)
        if not wanted:
            return
        with self._writing() as connection:
            connection.execute(
                update(studies)
                .where(
                    studies.c.study_uid.in_(wanted),
                    studies.c.state == StudyState.RECEIVING,
                )
                .values(active_at=database_now(connection))
            )

    def queue_complete_studies(
        self,
        *,
        quiet_period_seconds: float,
        cap_seconds: float,
        still_open: Collection[StudyUid] = (),
        decide: Decide = analyse_everything,
    ) -> int:
        """Queue the studies that are quiet for long enough, or open for too long.

        Parameters
        ----------
        still_open
            Of the caller's own associations: only the cap makes them complete, even where
            `touch_receiving` came too late to say so.
        decide
            Asked for each of them what the rules of the site say; outside of any transaction, so
            it may take its time.

        Returns
        -------
        int
            How many were queued, or kept because a rule discards them.
        """
        with self._reading() as connection:
            bounds = _bounds(database_now(connection), quiet_period_seconds, cap_seconds)
            found = connection.execute(_COMPLETE_STUDIES, bounds).all()
            complete = [
                row
                for row in found
                if row.study_uid not in still_open or row.receiving_since <= bounds["open_since"]
            ]
            if not complete:
                return 0
            images = _arrived_images(connection, [row.study_uid for row in complete])
        decisions = [(row, decide(images.get(row.study_uid, ()))) for row in complete]
        with self._writing() as connection:
            now = database_now(connection)
            bounds = _bounds(now, quiet_period_seconds, cap_seconds)
            return sum(
                connection.execute(
                    update(studies)
                    # A further image since the decision gives the study a new revision.
                    .where(
                        studies.c.study_uid == row.study_uid,
                        studies.c.revision == row.revision,
                        _IS_COMPLETE,
                    )
                    .values(_decided(decision, now)),
                    bounds,
                ).rowcount
                for row, decision in decisions
            )

    def _record_all(self, arrivals: Sequence[Arrival]) -> list[None]:
        """Record new instances, or nothing where one of them is not new."""
        with self._writing() as connection:
            now = database_now(connection)
            # The study's row comes first: it is the lock under which its instances change. In one
            # order everywhere, so that several nodes do not wait for each other's locks.
            by_study = sorted(arrivals, key=lambda arrival: arrival.key.study_uid)
            self._statements.receive_study.run(
                connection, [_study_row(one, now) for one in by_study]
            )
            by_instance = sorted(arrivals, key=lambda arrival: arrival.key.sop_instance_uid)
            count = self._statements.insert_instance.run(
                connection, [_instance_row(one, now) for one in by_instance]
            )
            if count != len(arrivals):
                # Roll back: an instance that is known must not touch its study, and one that
                # claims another study would leave that study empty behind.
                raise _NotNew
        return [None] * len(arrivals)

    def _compare(self, arrival: Arrival) -> Recorded:
        with self._reading() as connection:
            known = connection.execute(
                select(instances.c.file_sha256, instances.c.study_uid).where(
                    instances.c.sop_instance_uid == arrival.key.sop_instance_uid
                )
            ).one_or_none()
        if known is None:
            raise ArchiveUnavailable("its study was just deleted: try again")
        is_same = (known.file_sha256, known.study_uid) == (
            arrival.file_sha256,
            arrival.key.study_uid,
        )
        if not is_same:
            return Recorded.CONFLICT
        self.record_repeat(arrival.key)
        return Recorded.DUPLICATE


@dataclass(frozen=True, kw_only=True)
class _Statements:
    """What every object needs; built once, because building takes longer than running."""

    receive_study: Prepared
    insert_instance: Prepared

    @classmethod
    def of(cls, dialect: Dialect) -> "_Statements":
        inserting = postgresql if dialect.name == "postgresql" else sqlite
        study = inserting.insert(studies)
        arrived, known = study.excluded, studies.c
        is_open = known.state == StudyState.RECEIVING
        receive_study = study.on_conflict_do_update(
            index_elements=[known.study_uid],
            set_={
                "state": StudyState.RECEIVING,
                "last_received_at": arrived.last_received_at,
                "active_at": arrived.active_at,
                # A further image of a study that is still open does not move its hard cap.
                "receiving_since": case(
                    (is_open, known.receiving_since), else_=arrived.receiving_since
                ),
                "claimed_by": None,
                "lease_until": None,
                "is_read": False,
                "priority": case(
                    (known.priority < arrived.priority, arrived.priority), else_=known.priority
                ),
                "revision": known.revision + 1,
                "changed_at": arrived.changed_at,
            },
            # Not IN, whose values are expanded anew for each statement and never for many.
            where=or_(
                *(known.state == one for one in studies_that_may_become(StudyState.RECEIVING))
            ),
        )
        insert_instance = inserting.insert(instances).on_conflict_do_nothing()
        return cls(
            receive_study=Prepared(receive_study, dialect),
            insert_instance=Prepared(insert_instance, dialect),
        )


def _decided(decision: RuleDecision, now: datetime) -> dict[str, Any]:
    """Return the columns of a study about which the rules were asked."""
    values: dict[str, Any] = {
        "rule": decision.rule,
        "rules_sha256": decision.rules_sha256,
        "destinations": None if decision.destinations is None else list(decision.destinations),
        # A rule can make a study more urgent than its images say, never less.
        "priority": case(
            (studies.c.priority < decision.priority, decision.priority), else_=studies.c.priority
        ),
        "attempt": 0,
        "revision": studies.c.revision + 1,
    }
    if decision.is_analysed:
        return values | {"state": StudyState.QUEUED, "queued_at": now}
    # Nobody is asked to read it, but it stays listed with its rule.
    return values | {
        "state": StudyState.KEPT,
        "refusal": None,
        "reason": decision.reason,
        "is_read": True,
    }


def _arrived_images(
    connection: Connection, study_uids: Sequence[str]
) -> dict[str, list[ArrivedImage]]:
    found: dict[str, list[ArrivedImage]] = {}
    columns = instances.c
    rows = connection.execute(
        select(
            columns.study_uid,
            columns.file_key,
            columns.transfer_syntax_uid,
            columns.calling_ae_title,
            columns.called_ae_title,
        )
        .where(columns.study_uid.in_(study_uids))
        .order_by(columns.received_at, columns.sop_instance_uid)
    )
    for row in rows:
        found.setdefault(row.study_uid, []).append(
            ArrivedImage(
                study_uid=StudyUid(row.study_uid),
                file_key=FileKey(row.file_key),
                transfer_syntax_uid=row.transfer_syntax_uid,
                calling_ae_title=row.calling_ae_title,
                called_ae_title=row.called_ae_title,
            )
        )
    return found


class _NotNew(Exception):
    """The UID of an instance is known already; nothing was recorded."""


def _bounds(now: datetime, quiet_period_seconds: float, cap_seconds: float) -> dict[str, datetime]:
    """Return what `_IS_COMPLETE` compares with."""
    return {
        "quiet_since": now - timedelta(seconds=quiet_period_seconds),
        "open_since": now - timedelta(seconds=cap_seconds),
    }


def _study_row(arrival: Arrival, now: datetime) -> dict[str, Any]:
    attributes = arrival.attributes
    return {
        "study_uid": arrival.key.study_uid,
        "state": StudyState.RECEIVING,
        "reason": "",
        "priority": arrival.priority,
        "patient_name": attributes.patient_name,
        "patient_id": attributes.patient_id,
        "patient_birth_date": attributes.patient_birth_date,
        "patient_sex": attributes.patient_sex,
        "accession_number": attributes.accession_number,
        "study_date": attributes.study_date,
        "study_time": attributes.study_time,
        "study_description": attributes.study_description,
        "first_received_at": now,
        "last_received_at": now,
        "active_at": now,
        "receiving_since": now,
        "attempt": 0,
        "revision": 1,
        "is_read": False,
        "rule": "",
        "rules_sha256": "",
        "changed_at": now,
    }


def _instance_row(arrival: Arrival, now: datetime) -> dict[str, Any]:
    return {
        "sop_instance_uid": arrival.key.sop_instance_uid,
        "study_uid": arrival.key.study_uid,
        "series_uid": arrival.key.series_uid,
        "sop_class_uid": arrival.sop_class_uid,
        "transfer_syntax_uid": arrival.transfer_syntax_uid,
        "modality": arrival.modality,
        "file_key": arrival.file_key,
        "file_sha256": arrival.file_sha256,
        "byte_count": arrival.byte_count,
        "calling_ae_title": arrival.calling_ae_title,
        "called_ae_title": arrival.called_ae_title,
        "flaws": list(arrival.flaws),
        "received_at": now,
    }
