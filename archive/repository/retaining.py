"""Studies whose time is over: which they are, why some stay, and how one goes.

A study goes in one transaction, which writes down its files: they are deleted after it (see
`archive/retaining.py`). What stays names no patient: the audit trail, the deletion, the figures.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    case,
    delete,
    func,
    insert,
    literal,
    or_,
    select,
    tuple_,
    union_all,
    update,
)

from archive.account_records import AuditAction, AuditEntry
from archive.commitment_tables import commitment_items, commitments
from archive.operation_tables import audit_exports, give_ups, give_ups_told
from archive.prior_records import PriorState
from archive.prior_tables import expected_priors, prior_searches
from archive.records import DeliveryState, FileKey, ReportKind, StudyState, StudyUid
from archive.repository.auditing import append_audit
from archive.repository.figures import keep_figures
from archive.repository.rows import AnyRow, deletion_of
from archive.repository.transactions import Transactions, database_now
from archive.retention_records import (
    Candidate,
    Deletion,
    FileToDelete,
    Hold,
    RetentionRule,
    StudySize,
)
from archive.retention_tables import deletions, files_to_delete
from archive.review_records import ReviewState
from archive.review_tables import deferrals, heat_maps, readings, reviews
from archive.schema import (
    conflicts,
    deliveries,
    findings,
    image_refusals,
    instances,
    reports,
    results,
    studies,
)
from archive.workflow import UNFINISHED_STUDIES

StampOf = Callable[[FileKey], int | None]
"""When a file was written, in nanoseconds since 1970; None where it is not there."""


class RetainingRows(Transactions):
    """Studies that are old enough to go, and what is remembered of them."""

    def retention_limit(self, rule: RetentionRule) -> datetime:
        """Return the moment before which the last thing must have happened to a study."""
        with self._reading() as connection:
            return database_now(connection) - rule.older_than

    def candidates(
        self, rule: RetentionRule, limit_at: datetime, *, limit: int, after: Candidate | None
    ) -> tuple[Candidate, ...]:
        """Return studies that are old enough, the oldest first, with what holds them."""
        with self._reading() as connection:
            order = (studies.c.first_received_at, studies.c.study_uid)
            statement = self._judged(connection, rule, limit_at).order_by(*order).limit(limit)
            if after is not None:
                place = (after.first_received_at, after.study_uid)
                statement = statement.where(tuple_(*order) > tuple_(*place))
            return tuple(_candidate_of(row) for row in connection.execute(statement))

    def size_of_study(self, study_uid: StudyUid) -> StudySize:
        """Return what a study takes; of files kept apart the length is not known."""
        with self._reading() as connection:
            files = connection.execute(_files_of(study_uid)).all()
        return StudySize(file_count=len(files), byte_count=sum(row.byte_count for row in files))

    def delete_study(
        self,
        study_uid: StudyUid,
        rule: RetentionRule,
        limit_at: datetime,
        *,
        stamp_of: StampOf,
    ) -> StudySize | None:
        """Remove all rows of a study, unless something holds it by now; None where it stays.

        Its files are written down as still to be deleted, in the same transaction; so is the line
        of the audit trail. Safe to repeat.
        """
        with self._writing() as connection:
            study = _locked(connection, study_uid)
            judged = self._judged(connection, rule, limit_at).where(
                studies.c.study_uid == study_uid
            )
            # Asked again under the locks: an image, a replay or a decision may have come since.
            found = connection.execute(judged).one_or_none()
            if study is None or found is None or found.hold is not None:
                return None
            files = connection.execute(_files_of(study_uid)).all()
            stamps = {FileKey(row.file_key): stamp_of(FileKey(row.file_key)) for row in files}
            if any(stamp and stamp >= _nanoseconds(limit_at) for stamp in stamps.values()):
                # Put there since, by somebody who is about to record it.
                return None
            size = StudySize(file_count=len(files), byte_count=sum(row.byte_count for row in files))
            _remember(connection, study, size, rule)
            keep_figures(connection, study_uid)
            _write_down(connection, stamps)
            _delete_rows(connection, study_uid)
        return size

    def files_to_delete(self, *, limit: int | None) -> tuple[FileToDelete, ...]:
        """Return files whose rows are gone; all of them without a limit."""
        with self._reading() as connection:
            rows = connection.execute(select(files_to_delete).limit(limit)).all()
        return tuple(FileToDelete(file_key=FileKey(row.file_key), stamp=row.stamp) for row in rows)

    def files_to_delete_count(self) -> int:
        """Return how many files are still to be deleted."""
        with self._reading() as connection:
            counted = select(func.count()).select_from(files_to_delete)
            return int(connection.execute(counted).scalar_one())

    def files_deleted(self, files: Sequence[FileToDelete]) -> None:
        """Say that these are gone, for good; safe to repeat."""
        with self._writing() as connection:
            for file in files:
                connection.execute(
                    delete(files_to_delete).where(
                        files_to_delete.c.file_key == file.file_key,
                        files_to_delete.c.stamp == file.stamp,
                    )
                )

    def forget_told_patients(self) -> None:
        """Forget whom deletions were about once the audit server has their lines."""
        sent = select(func.max(audit_exports.c.event_id)).scalar_subquery()
        with self._writing() as connection:
            connection.execute(
                update(deletions)
                .where(deletions.c.patient_id != "", deletions.c.event_id <= sent)
                .values(patient_id="")
            )

    def deletions_of(self, study_uid: StudyUid) -> tuple[Deletion, ...]:
        """Return earlier lives of a study that were deleted, the last first."""
        with self._reading() as connection:
            rows = connection.execute(
                select(deletions)
                .where(deletions.c.study_uid == study_uid)
                .order_by(deletions.c.deletion_id.desc())
            ).all()
        return tuple(deletion_of(row) for row in rows)

    @staticmethod
    def _judged(
        connection: Connection, rule: RetentionRule, limit_at: datetime
    ) -> Select[tuple[Any, ...]]:
        holds = _holds(connection, rule)
        hold = case(*((condition, literal(one)) for one, condition in holds.items()), else_=None)
        return select(studies.c.study_uid, studies.c.first_received_at, hold.label("hold")).where(
            *_nothing_since(limit_at)
        )


def _candidate_of(row: AnyRow) -> Candidate:
    return Candidate(
        study_uid=StudyUid(row.study_uid),
        first_received_at=row.first_received_at,
        hold=Hold(row.hold) if row.hold else None,
    )


def _belongs(column: ColumnElement[Any], *conditions: ColumnElement[bool]) -> ColumnElement[bool]:
    """Say whether there is a row of the study, by a column with its UID, that meets conditions."""
    belonging = select(1).where(column == studies.c.study_uid, *conditions).correlate(studies)
    # The offset keeps PostgreSQL from reading the whole table to join it with a page of studies.
    return belonging.offset(0).exists()


def _nothing_since(limit_at: datetime) -> tuple[ColumnElement[bool], ...]:
    return (
        # By this the index finds them in their order, which those of a state have not; no study
        # was received last before it was received first.
        studies.c.first_received_at < limit_at,
        studies.c.state.not_in(UNFINISHED_STUDIES),
        studies.c.last_received_at < limit_at,
        studies.c.active_at < limit_at,  # an image that was here already came again
        ~_belongs(results.c.study_uid, results.c.made_at >= limit_at),
        ~_belongs(reviews.c.study_uid, reviews.c.made_at >= limit_at),
        ~_belongs(deliveries.c.study_uid, deliveries.c.delivered_at >= limit_at),
        ~_belongs(conflicts.c.study_uid, conflicts.c.received_at >= limit_at),
    )


def _holds(connection: Connection, rule: RetentionRule) -> dict[Hold, ColumnElement[bool]]:
    waiting = (DeliveryState.READY, DeliveryState.SENDING)
    undecided = (ReviewState.HELD, ReviewState.BUILDING, ReviewState.FAILED)
    asked_for = select(1).where(commitment_items.c.delivery_id == deliveries.c.delivery_id)
    uncommitted = and_(
        deliveries.c.state == DeliveryState.DELIVERED,
        or_(
            deliveries.c.destination.in_(sorted(rule.committing)),
            asked_for.correlate(deliveries).exists(),
        ),
    )
    return {
        Hold.UNSENT: _belongs(deliveries.c.study_uid, deliveries.c.state.in_(waiting)),
        Hold.GAVE_UP: _belongs(deliveries.c.study_uid, deliveries.c.state == DeliveryState.GAVE_UP),
        Hold.UNCOMMITTED: _belongs(deliveries.c.study_uid, uncommitted),
        Hold.UNDECIDED: _belongs(reviews.c.study_uid, reviews.c.state.in_(undecided)),
        Hold.IN_READING: or_(
            _belongs(readings.c.study_uid, readings.c.until > database_now(connection)),
            _belongs(deferrals.c.study_uid),
        ),
        Hold.UNTOLD_FAILURE: and_(
            studies.c.state == StudyState.FAILED,
            ~_belongs(
                results.c.study_uid,
                results.c.is_current,
                results.c.state == StudyState.FAILED,
                reports.c.result_id == results.c.result_id,
            ),
        ),
    }


def _locked(connection: Connection, study_uid: str) -> AnyRow | None:
    """Lock a study with its deliveries and reviews, so that nothing of it changes meanwhile."""
    study = connection.execute(
        select(studies).where(studies.c.study_uid == study_uid).with_for_update()
    ).one_or_none()
    asked = select(commitment_items.c.transaction_uid).join(
        deliveries, deliveries.c.delivery_id == commitment_items.c.delivery_id
    )
    of_study = (
        # First, as whoever records an answer does: two who wait for each other would never end.
        (commitments.c.transaction_uid, asked.where(deliveries.c.study_uid == study_uid)),
        (deliveries.c.delivery_id, None),
        (reviews.c.review_id, None),
    )
    for key, keys in of_study:
        own = key.table.c.study_uid == study_uid if keys is None else key.in_(keys)
        connection.execute(select(key).where(own).order_by(key).with_for_update()).all()
    return study


def _files_of(study_uid: str) -> Select[Any]:
    received = select(instances.c.sop_instance_uid).where(instances.c.study_uid == study_uid)
    unknown = literal(0).label("byte_count")
    named = union_all(
        select(instances.c.file_key, instances.c.byte_count).where(
            instances.c.study_uid == study_uid
        ),
        select(reports.c.file_key, reports.c.byte_count).where(reports.c.study_uid == study_uid),
        select(heat_maps.c.file_key, unknown).where(heat_maps.c.sop_instance_uid.in_(received)),
        select(conflicts.c.file_key, unknown).where(_is_conflict_of(study_uid)),
    ).subquery()
    return select(named.c.file_key, func.max(named.c.byte_count).label("byte_count")).group_by(
        named.c.file_key
    )


def _is_conflict_of(study_uid: str) -> ColumnElement[bool]:
    """Say whether a file was kept apart that names the study, or one of its objects."""
    received = select(instances.c.sop_instance_uid).where(instances.c.study_uid == study_uid)
    return or_(conflicts.c.study_uid == study_uid, conflicts.c.sop_instance_uid.in_(received))


def _remember(connection: Connection, study: AnyRow, size: StudySize, rule: RetentionRule) -> None:
    """Write down that a study goes, for the audit trail and for what comes of it later."""
    count = connection.execute(
        select(func.count()).where(instances.c.study_uid == study.study_uid)
    ).scalar_one()
    entry = AuditEntry(
        actor=rule.actor,
        action=AuditAction.STUDY_DELETED,
        study_uid=study.study_uid,
        details={"days": rule.older_than.days, "instance_count": count, "state": study.state},
    )
    (event,) = append_audit(connection, [entry])
    document = connection.execute(
        select(reports)
        .where(reports.c.study_uid == study.study_uid, reports.c.kind == ReportKind.AI_RESULT)
        .order_by(reports.c.result_id.desc(), reports.c.made_at.desc())
        .limit(1)
    ).one_or_none()
    connection.execute(
        insert(deletions).values(
            study_uid=study.study_uid,
            deleted_at=event.at,
            first_received_at=study.first_received_at,
            last_received_at=study.last_received_at,
            state=study.state,
            instance_count=count,
            byte_count=size.byte_count,
            document_sop_instance_uid=document and document.sop_instance_uid,
            document_series_uid=document and document.series_uid,
            document_sop_class_uid=document and document.sop_class_uid,
            event_id=event.event_id,
            patient_id=study.patient_id if rule.is_patient_named else "",
        )
    )


def _nanoseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1_000_000_000)


def _write_down(connection: Connection, stamps: dict[FileKey, int | None]) -> None:
    connection.execute(delete(files_to_delete).where(files_to_delete.c.file_key.in_(list(stamps))))
    for file_key, stamp in stamps.items():
        if stamp is not None:
            connection.execute(insert(files_to_delete).values(file_key=file_key, stamp=stamp))


def _delete_rows(connection: Connection, study_uid: str) -> None:
    """Delete what refers to something before that itself."""
    sent = select(deliveries.c.delivery_id).where(deliveries.c.study_uid == study_uid)
    found = select(results.c.result_id).where(results.c.study_uid == study_uid)
    received = select(instances.c.sop_instance_uid).where(instances.c.study_uid == study_uid)
    asked = select(commitment_items.c.transaction_uid).where(
        commitment_items.c.delivery_id.in_(sent)
    )
    transactions = connection.execute(asked).scalars().all()
    for statement in (
        delete(commitment_items).where(commitment_items.c.delivery_id.in_(sent)),
        delete(commitments).where(
            commitments.c.transaction_uid.in_(transactions),
            commitments.c.transaction_uid.not_in(select(commitment_items.c.transaction_uid)),
        ),
        delete(give_ups).where(give_ups.c.delivery_id.in_(sent)),
        delete(deliveries).where(deliveries.c.study_uid == study_uid),
        delete(reviews).where(reviews.c.study_uid == study_uid),
        delete(findings).where(findings.c.result_id.in_(found)),
        delete(image_refusals).where(image_refusals.c.result_id.in_(found)),
        delete(reports).where(reports.c.study_uid == study_uid),
        delete(results).where(results.c.study_uid == study_uid),
        delete(heat_maps).where(heat_maps.c.sop_instance_uid.in_(received)),
        delete(conflicts).where(_is_conflict_of(study_uid)),
        delete(instances).where(instances.c.study_uid == study_uid),
        delete(readings).where(readings.c.study_uid == study_uid),
        delete(prior_searches).where(prior_searches.c.study_uid == study_uid),
        # That another patient's objects came under this UID is never forgotten.
        delete(expected_priors).where(
            expected_priors.c.study_uid == study_uid,
            expected_priors.c.state != PriorState.OTHER_PATIENT,
        ),
        delete(studies).where(studies.c.study_uid == study_uid),
    ):
        connection.execute(statement)
    # SQLite gives their numbers again: a webhook that was told of all is told of those, too.
    newest = select(func.coalesce(func.max(give_ups.c.give_up_id), 0)).scalar_subquery()
    connection.execute(
        update(give_ups_told).where(give_ups_told.c.give_up_id > newest).values(give_up_id=newest)
    )
