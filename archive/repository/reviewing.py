"""What radiologists decide, and how a worker turns it into a verified report."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, and_, insert, or_, select, update

from archive.account_tables import users
from archive.errors import LeaseLost, NotFound, ReviewSettled, RevisionStale
from archive.records import Report, ReportKind, StudyUid
from archive.repository.outcomes import (
    Takes,
    record_deliveries,
    record_report,
    takes_every_kind,
)
from archive.repository.review_rows import claimed_review_of, review_of
from archive.repository.rows import AnyRow
from archive.repository.transactions import Transactions, database_now
from archive.review_records import ClaimedReview, NewReview, Review, ReviewState, Verdict
from archive.review_tables import deferrals, readings, reviews
from archive.schema import reports, results, studies


class ReviewingRows(Transactions):
    """Reviews."""

    def add_review(self, new: NewReview) -> Review:
        """Record a decision; it is held for its author to undo, then a worker reports it.

        The same decision of the same person again is the same review: repeating is safe.

        Raises
        ------
        NotFound
            There is no such study.
        RevisionStale
            The study changed since the person looked at it.
        ReviewSettled
            An earlier decision is just being reported; try again in a moment.
        """
        with self._writing() as connection:
            study = _locked_study(connection, new.study_uid)
            current = _current_review(connection, new.study_uid)
            if current is not None and _is_same(current, new):
                return review_of(current)
            if study.revision != new.expected_revision:
                raise RevisionStale("the study changed since it was looked at")
            supersedes, predecessor = self._make_room(connection, new, current)
            now = database_now(connection)
            result_id = connection.execute(
                select(results.c.result_id).where(
                    results.c.study_uid == new.study_uid, results.c.is_current
                )
            ).scalar_one_or_none()
            row = connection.execute(
                insert(reviews)
                .values(
                    **_values_of(connection, new, now),
                    result_id=result_id,
                    supersedes=supersedes,
                    predecessor_sop_instance_uid=predecessor
                    or _report_of_result(connection, result_id),
                )
                .returning(reviews)
            ).one()
            _mark_read(connection, new.study_uid, is_read=True)
        return review_of(row)

    def undo_review(self, review_id: int, *, user_id: int) -> Review:
        """Take a decision back while it is held; what stood before it stands again.

        Raises
        ------
        NotFound
            This person made no such review.
        ReviewSettled
            It is no longer held.
        """
        with self._writing() as connection:
            row = connection.execute(
                select(reviews).where(
                    reviews.c.review_id == review_id, reviews.c.user_id == user_id
                )
            ).one_or_none()
            if row is None:
                raise NotFound("no such review of this person")
            _locked_study(connection, row.study_uid)
            if not _undo(connection, review_id):
                raise ReviewSettled("the review is no longer held")
            if row.supersedes is not None:
                _set_current(connection, row.supersedes, is_current=True)
            _mark_read(connection, row.study_uid, is_read=row.supersedes is not None)
            undone = connection.execute(
                select(reviews).where(reviews.c.review_id == review_id)
            ).one()
        return review_of(undone)

    def review(self, review_id: int) -> Review:
        """Return one review.

        Raises
        ------
        NotFound
            There is no such review.
        """
        with self._reading() as connection:
            row = connection.execute(
                select(reviews).where(reviews.c.review_id == review_id)
            ).one_or_none()
        if row is None:
            raise NotFound("no such review")
        return review_of(row)

    def reviews_of(self, study_uid: StudyUid) -> tuple[Review, ...]:
        """Return all decisions about a study, the newest first."""
        with self._reading() as connection:
            rows = connection.execute(
                select(reviews)
                .where(reviews.c.study_uid == study_uid)
                .order_by(reviews.c.review_id.desc())
            ).all()
        return tuple(review_of(row) for row in rows)

    def failed_reviews(self, *, limit: int = 200) -> tuple[Review, ...]:
        """Return decisions for which no verified report could be made, the newest first."""
        with self._reading() as connection:
            rows = connection.execute(
                select(reviews)
                .where(reviews.c.state == ReviewState.FAILED)
                .order_by(reviews.c.review_id.desc())
                .limit(limit)
            ).all()
        return tuple(review_of(row) for row in rows)

    def retry_review(self, review_id: int) -> None:
        """Let a worker try a failed review again.

        Raises
        ------
        NotFound
            There is no failed review of this number.
        """
        with self._writing() as connection:
            retried = connection.execute(
                update(reviews)
                .where(reviews.c.review_id == review_id, reviews.c.state == ReviewState.FAILED)
                .values(state=ReviewState.HELD, attempt=0, failure="")
                .returning(reviews.c.review_id)
            ).first()
        if retried is None:
            raise NotFound("no such failed review")

    def claim_reviews(
        self, claimant: str, *, limit: int, lease_seconds: float, maximum_attempts: int
    ) -> tuple[ClaimedReview, ...]:
        """Claim decisions that can no longer be undone; also takes back those of silent workers.

        What was tried `maximum_attempts` times is set aside as FAILED.
        """
        with self._reading() as connection:
            now = database_now(connection)
            if connection.execute(select(1).where(_is_due(now)).limit(1)).first() is None:
                return ()
        with self._writing() as connection:
            now = database_now(connection)
            _take_back_expired(connection, now, maximum_attempts)
            rows = connection.execute(
                select(reviews)
                .where(reviews.c.state == ReviewState.HELD, reviews.c.held_until <= now)
                .order_by(reviews.c.review_id)
                .limit(limit)
                .with_for_update(skip_locked=True)
            ).all()
            connection.execute(
                update(reviews)
                .where(reviews.c.review_id.in_([row.review_id for row in rows]))
                .values(
                    state=ReviewState.BUILDING,
                    claimed_by=claimant,
                    lease_until=now + timedelta(seconds=lease_seconds),
                    attempt=reviews.c.attempt + 1,
                )
            )
        return tuple(claimed_review_of(row, claimant) for row in rows)

    def finish_review(
        self,
        claim: ClaimedReview,
        report: Report,
        *,
        further: Sequence[Report] = (),
        destinations: Sequence[str],
        takes: Takes = takes_every_kind,
    ) -> None:
        """Record the verified report and what comes with it, and queue the deliveries, or nothing.

        The files must be durable before.

        Raises
        ------
        LeaseLost
            Another worker has the review by now.
        """
        with self._writing() as connection:
            now = database_now(connection)
            _leave_building(
                connection,
                claim,
                state=ReviewState.REPORTED,
                report_sop_instance_uid=report.key.sop_instance_uid,
            )
            for one in (report, *further):
                record_report(connection, one, claim.review.result_id, now)
                record_deliveries(connection, one, destinations, now, takes)
            _mark_changed(connection, claim.review.study_uid)

    def return_review(
        self, claim: ClaimedReview, *, reason: str, is_hopeless: bool = False
    ) -> None:
        """Give a claimed review back to be tried again, or set it aside as FAILED.

        Raises
        ------
        LeaseLost
            Another worker has the review by now.
        """
        state = ReviewState.FAILED if is_hopeless else ReviewState.HELD
        with self._writing() as connection:
            _leave_building(connection, claim, state=state, failure=reason)
            _mark_changed(connection, claim.review.study_uid)

    @staticmethod
    def _make_room(
        connection: Connection, new: NewReview, current: AnyRow | None
    ) -> tuple[int | None, str | None]:
        """End the current review's reign; what the new one supersedes, and its report."""
        if current is None:
            return None, None
        if current.state == ReviewState.BUILDING:
            raise ReviewSettled("an earlier decision is just being reported")
        if current.state == ReviewState.HELD:
            if current.user_id != new.user_id:
                raise ReviewSettled("somebody else has just decided about this study")
            if not _undo(connection, current.review_id):
                raise ReviewSettled("an earlier decision is just being reported")
            return current.supersedes, current.predecessor_sop_instance_uid
        _set_current(connection, current.review_id, is_current=False)
        return current.review_id, current.report_sop_instance_uid


def _locked_study(connection: Connection, study_uid: str) -> AnyRow:
    row = connection.execute(
        select(studies.c.revision).where(studies.c.study_uid == study_uid).with_for_update()
    ).one_or_none()
    if row is None:
        raise NotFound("no such study")
    return row


def _current_review(connection: Connection, study_uid: str) -> AnyRow | None:
    return connection.execute(
        select(reviews).where(reviews.c.study_uid == study_uid, reviews.c.is_current)
    ).one_or_none()


def _is_same(current: AnyRow, new: NewReview) -> bool:
    said = (current.user_id, current.verdict, current.comment, current.reason)
    if said != (new.user_id, new.verdict, new.comment, new.reason):
        return False
    return new.verdict is not Verdict.CORRECT or current.presence == new.presence


def _report_of_result(connection: Connection, result_id: int | None) -> str | None:
    return connection.execute(
        select(reports.c.sop_instance_uid)
        .where(reports.c.result_id == result_id, reports.c.kind == ReportKind.AI_RESULT)
        .order_by(reports.c.made_at.desc(), reports.c.sop_instance_uid)
        .limit(1)
    ).scalar_one_or_none()


def _values_of(connection: Connection, new: NewReview, now: datetime) -> dict[str, Any]:
    reviewer = connection.execute(select(users).where(users.c.user_id == new.user_id)).one()
    return {
        "study_uid": new.study_uid,
        "verdict": new.verdict,
        "presence": new.presence,
        "reason": new.reason,
        "comment": new.comment,
        "user_id": new.user_id,
        "reviewer_login": reviewer.login,
        "reviewer_name": reviewer.person_name,
        "reviewer_organisation": reviewer.organisation,
        "made_at": now,
        "held_until": now + timedelta(seconds=new.held_seconds),
        "image_visible_milliseconds": new.image_visible_milliseconds,
        "key_count": new.key_count,
        "click_count": new.click_count,
        "is_heat_map_opened": new.is_heat_map_opened,
        "blind_presence": new.blind_presence,
        "state": ReviewState.HELD,
        "failure": "",
        "is_current": True,
        "attempt": 0,
    }


def _mark_read(connection: Connection, study_uid: str, *, is_read: bool) -> None:
    connection.execute(
        update(studies)
        .where(studies.c.study_uid == study_uid)
        .values(is_read=is_read, revision=studies.c.revision + 1)
    )
    for table in (readings, deferrals):
        connection.execute(table.delete().where(table.c.study_uid == study_uid))


def _mark_changed(connection: Connection, study_uid: str) -> None:
    connection.execute(
        update(studies)
        .where(studies.c.study_uid == study_uid)
        .values(revision=studies.c.revision + 1)
    )


def _undo(connection: Connection, review_id: int) -> bool:
    undone = connection.execute(
        update(reviews)
        .where(
            reviews.c.review_id == review_id,
            reviews.c.state == ReviewState.HELD,
            # A worker gave it back after the window: too late to undo, it will be tried again.
            reviews.c.attempt == 0,
            reviews.c.held_until > database_now(connection),
        )
        .values(state=ReviewState.UNDONE, is_current=False)
        .returning(reviews.c.review_id)
    )
    return undone.first() is not None


def _set_current(connection: Connection, review_id: int, *, is_current: bool) -> None:
    connection.execute(
        update(reviews).where(reviews.c.review_id == review_id).values(is_current=is_current)
    )


def _is_due(now: datetime) -> Any:
    return or_(
        and_(reviews.c.state == ReviewState.HELD, reviews.c.held_until <= now),
        and_(reviews.c.state == ReviewState.BUILDING, reviews.c.lease_until < now),
    )


def _take_back_expired(connection: Connection, now: datetime, maximum_attempts: int) -> None:
    is_lost = and_(reviews.c.state == ReviewState.BUILDING, reviews.c.lease_until < now)
    for is_over, state in (
        (reviews.c.attempt >= maximum_attempts, ReviewState.FAILED),
        (reviews.c.attempt < maximum_attempts, ReviewState.HELD),
    ):
        connection.execute(
            update(reviews)
            .where(is_lost, is_over)
            .values(
                state=state,
                claimed_by=None,
                lease_until=None,
                failure="its worker went silent",
            )
        )


def _leave_building(connection: Connection, claim: ClaimedReview, **values: Any) -> None:
    left = connection.execute(
        update(reviews)
        .where(
            reviews.c.review_id == claim.review.review_id,
            reviews.c.claimed_by == claim.claimed_by,
            reviews.c.attempt == claim.attempt,
            reviews.c.state == ReviewState.BUILDING,
        )
        .values(claimed_by=None, lease_until=None, **values)
        .returning(reviews.c.review_id)
    )
    if left.first() is None:
        raise LeaseLost("the review is no longer ours")
