"""What workers write: claims of studies, and outcomes with their reports and deliveries."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Any

from sqlalchemy import Connection, and_, case, or_, select, update

from archive.errors import LeaseLost, MoveForbidden, NotFound
from archive.records import (
    ClaimedStudy,
    Instance,
    Outcome,
    Refusal,
    Result,
    StudyState,
    StudyUid,
)
from archive.repository.outcomes import (
    Takes,
    of_whole_study,
    record_deliveries,
    record_report,
    record_result,
    results_of,
    takes_every_kind,
)
from archive.repository.rows import (
    instance_of,
)
from archive.repository.transactions import Transactions, database_now
from archive.schema import (
    instances,
    studies,
)
from archive.workflow import check_study_move, studies_that_may_become

# A study that waited this long goes before any priority, so that routine never starves.
LONGEST_WAIT_BEHIND_PRIORITY = timedelta(hours=1)
# Claims beyond the allowed attempts: the worker only writes a FAILED result then. When even that
# ends the worker this often, the state is set here, without a result.
ATTEMPTS_TO_REPORT_FAILURE = 3


class WorkingRows(Transactions):
    """The study queue and its outcomes."""

    def claim_studies(
        self,
        claimant: str,
        *,
        limit: int,
        lease_seconds: float,
        maximum_attempts: int,
        only_untried: bool = False,
    ) -> tuple[ClaimedStudy, ...]:
        """Claim the next queued studies; also takes back those whose worker went silent.

        One that was claimed before comes by itself, never in a batch: it may be what ended its
        worker. A claim with ``attempt > maximum_attempts`` ended its workers that often: the
        claimant must not look at its pixels again, only finish it as FAILED.

        Parameters
        ----------
        claimant
            Who holds them until they are finished, returned, or `lease_seconds` are over.
        limit
            So many at most.
        only_untried
            Claim nothing where one that was claimed before comes next
            (:meth:`tried_study_is_next`), because the claimant has other studies under way.
        """
        with self._reading() as connection:
            now = database_now(connection)
            if connection.execute(_any_claimable(now)).first() is None:
                return ()
        with self._writing() as connection:
            now = database_now(connection)
            _take_back_expired(connection, now)
            _set_aside_hopeless(connection, maximum_attempts + ATTEMPTS_TO_REPORT_FAILURE)
            rows = _batch_of(_next_queued(connection, now, limit), only_untried=only_untried)
            if not rows:
                return ()
            uids = [row.study_uid for row in rows]
            connection.execute(
                update(studies)
                .where(studies.c.study_uid.in_(uids))
                .values(
                    state=StudyState.ANALYSING,
                    claimed_by=claimant,
                    lease_until=now + timedelta(seconds=lease_seconds),
                    attempt=studies.c.attempt + 1,
                    revision=studies.c.revision + 1,
                )
            )
            of_study = _instances_of(connection, uids)
        return tuple(
            ClaimedStudy(
                study_uid=StudyUid(row.study_uid),
                claimed_by=claimant,
                attempt=row.attempt + 1,
                instances=tuple(of_study[row.study_uid]),
            )
            for row in rows
        )

    def tried_study_is_next(self) -> bool:
        """Whether the study that would be claimed next was claimed before."""
        with self._reading() as connection:
            row = connection.execute(_queued_in_order(database_now(connection)).limit(1)).first()
        return row is not None and row.attempt > 0

    def extend_study_leases(self, claimant: str, *, lease_seconds: float) -> None:
        """Keep what `claimant` holds; call it well before the leases end."""
        with self._writing() as connection:
            until = database_now(connection) + timedelta(seconds=lease_seconds)
            connection.execute(
                update(studies)
                .where(studies.c.claimed_by == claimant, studies.c.state == StudyState.ANALYSING)
                .values(lease_until=until)
            )

    def finish_study(
        self,
        claim: ClaimedStudy,
        outcome: Outcome,
        *,
        destinations: Sequence[str],
        takes: Takes = takes_every_kind,
    ) -> None:
        """Record an outcome: result, reports, deliveries and state, or nothing at all.

        The report files must be durable before. A report whose UID is already recorded (the same
        sources, model and kind) is not delivered a second time.

        Raises
        ------
        LeaseLost
            The study went to another worker, or a late image arrived.
        MoveForbidden
            `outcome.state` is no outcome.
        """
        check_study_move(StudyState.ANALYSING, outcome.state)
        if outcome.state in (StudyState.RECEIVING, StudyState.QUEUED):
            raise MoveForbidden(f"{outcome.state} is no outcome")
        with self._writing() as connection:
            now = database_now(connection)
            self._leave_analysing(
                connection,
                claim,
                state=outcome.state,
                refusal=outcome.refusal,
                reason=outcome.reason,
            )
            result_id = record_result(connection, claim.study_uid, outcome, now)
            connection.execute(
                update(studies)
                .where(studies.c.study_uid == claim.study_uid)
                .values(is_read=False, **of_whole_study(outcome))
            )
            for report in outcome.reports:
                record_report(connection, report, result_id, now)
                record_deliveries(connection, report, destinations, now, takes)

    def return_study(self, claim: ClaimedStudy, *, reason: str) -> None:
        """Give a claimed study back to the queue; its attempt stays counted.

        Raises
        ------
        LeaseLost
            It was no longer ours.
        """
        with self._writing() as connection:
            self._leave_analysing(
                connection, claim, state=StudyState.QUEUED, refusal=None, reason=reason
            )

    def request_analysis(self, study_uid: StudyUid) -> None:
        """Queue a study again that already has an outcome, or that a rule kept.

        Raises
        ------
        NotFound
            There is no such study, or it is already on its way.
        """
        with self._writing() as connection:
            asked = connection.execute(
                update(studies)
                .where(
                    studies.c.study_uid == study_uid,
                    studies.c.state.in_(
                        [
                            StudyState.REPORTED,
                            StudyState.NOT_ANALYSED,
                            StudyState.FAILED,
                            StudyState.KEPT,
                        ]
                    ),
                )
                .values(
                    state=StudyState.QUEUED,
                    queued_at=database_now(connection),
                    attempt=0,
                    revision=studies.c.revision + 1,
                )
            )
        if asked.rowcount != 1:
            raise NotFound("no such study with an outcome")

    def current_result(self, study_uid: StudyUid) -> Result | None:
        """Return the result that stands for a study now, or None before the first."""
        with self._reading() as connection:
            found = results_of(connection, study_uid, only_current=True)
        return found[0] if found else None

    @staticmethod
    def _leave_analysing(
        connection: Connection,
        claim: ClaimedStudy,
        *,
        state: StudyState,
        refusal: Refusal | None,
        reason: str,
    ) -> None:
        left = connection.execute(
            update(studies)
            .where(
                studies.c.study_uid == claim.study_uid,
                studies.c.claimed_by == claim.claimed_by,
                studies.c.attempt == claim.attempt,
                studies.c.state == StudyState.ANALYSING,
            )
            .values(
                state=state,
                refusal=refusal,
                reason=reason,
                claimed_by=None,
                lease_until=None,
                revision=studies.c.revision + 1,
            )
        )
        if left.rowcount != 1:
            raise LeaseLost("the study is no longer ours")


def _any_claimable(now: datetime) -> Any:
    is_claimable = or_(
        studies.c.state == StudyState.QUEUED,
        and_(studies.c.state == StudyState.ANALYSING, studies.c.lease_until < now),
    )
    # By these two the index passes over the history. Without the order PostgreSQL, which takes one
    # row in so many for claimable, reads from the oldest on.
    is_at_work = studies.c.state.in_([StudyState.QUEUED, StudyState.ANALYSING])
    return select(1).where(is_at_work, is_claimable).order_by(studies.c.state).limit(1)


def _take_back_expired(connection: Connection, now: datetime) -> None:
    connection.execute(
        update(studies)
        .where(studies.c.state == StudyState.ANALYSING, studies.c.lease_until < now)
        .values(
            state=StudyState.QUEUED,
            claimed_by=None,
            lease_until=None,
            reason="its worker went silent",
            revision=studies.c.revision + 1,
        )
    )


def _set_aside_hopeless(connection: Connection, attempts: int) -> None:
    connection.execute(
        update(studies)
        .where(
            studies.c.state.in_(studies_that_may_become(StudyState.FAILED)),
            studies.c.state == StudyState.QUEUED,
            studies.c.attempt >= attempts,
        )
        .values(
            state=StudyState.FAILED,
            refusal=Refusal.PROCESSING_FAILED,
            reason=f"ended its worker {attempts} times",
            revision=studies.c.revision + 1,
        )
    )


def _next_queued(connection: Connection, now: datetime, limit: int) -> Sequence[Any]:
    in_order = _queued_in_order(now).limit(limit)
    return connection.execute(in_order.with_for_update(skip_locked=True)).all()


def _queued_in_order(now: datetime) -> Any:
    waited_long = studies.c.queued_at <= now - LONGEST_WAIT_BEHIND_PRIORITY
    urgency = case((waited_long, 1_000), else_=studies.c.priority)
    return (
        select(studies.c.study_uid, studies.c.attempt)
        .where(studies.c.state == StudyState.QUEUED)
        .order_by(urgency.desc(), studies.c.queued_at, studies.c.study_uid)
    )


def _batch_of(rows: Sequence[Any], *, only_untried: bool) -> Sequence[Any]:
    untried = list(takewhile(lambda row: row.attempt == 0, rows))
    return untried if untried or only_untried else rows[:1]


def _instances_of(connection: Connection, uids: Sequence[str]) -> dict[str, list[Instance]]:
    found: dict[str, list[Instance]] = {uid: [] for uid in uids}
    rows = connection.execute(
        select(instances)
        .where(instances.c.study_uid.in_(uids))
        .order_by(instances.c.received_at, instances.c.sop_instance_uid)
    )
    for row in rows:
        found[row.study_uid].append(instance_of(row))
    return found
