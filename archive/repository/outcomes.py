"""Outcomes as rows: a result with its findings, its reports, and their deliveries.

Called inside the transactions of the other files; the caller holds the lock of the study's row.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, insert, select, update

from archive.records import (
    DeliveryState,
    Outcome,
    Report,
    ReportKind,
    Result,
    StudyUid,
)
from archive.repository.rows import (
    finding_of,
    image_refusal_of,
    report_of,
    result_of,
)
from archive.schema import (
    deliveries,
    findings,
    image_refusals,
    reports,
    results,
    studies,
)

Takes = Callable[[str, ReportKind], bool]
"""Says whether a destination gets objects of a kind."""


def results_of(
    connection: Connection, study_uid: str, *, only_current: bool = False
) -> tuple[Result, ...]:
    """Return the results of a study with all that belongs to them, newest first."""
    statement = select(results).where(results.c.study_uid == study_uid)
    if only_current:
        statement = statement.where(results.c.is_current)
    rows = connection.execute(statement.order_by(results.c.result_id.desc())).all()
    return tuple(
        result_of(
            row,
            [finding_of(one) for one in _belonging(connection, findings, row.result_id)],
            [
                image_refusal_of(one)
                for one in _belonging(connection, image_refusals, row.result_id)
            ],
            [report_of(one) for one in _belonging(connection, reports, row.result_id)],
        )
        for row in rows
    )


def _belonging(connection: Connection, table: Any, result_id: int) -> Sequence[Any]:
    order = next(iter(table.primary_key))
    return connection.execute(
        select(table).where(table.c.result_id == result_id).order_by(order)
    ).all()


def record_result(
    connection: Connection, study_uid: StudyUid, outcome: Outcome, now: datetime
) -> int:
    """Record an outcome as the study's current result; returns its number."""
    connection.execute(
        update(results)
        .where(results.c.study_uid == study_uid, results.c.is_current)
        .values(is_current=False)
    )
    result_id: int = connection.execute(
        insert(results).values(
            study_uid=study_uid,
            made_at=now,
            state=outcome.state,
            refusal=outcome.refusal,
            reason=outcome.reason,
            model_name=outcome.model.name,
            model_version=outcome.model.version,
            weights_sha256=outcome.model.weights_sha256,
            preprocessing_version=outcome.model.preprocessing_version,
            is_current=True,
        )
    ).inserted_primary_key[0]  # type: ignore[index]  # an insert of one row always has one
    for finding in outcome.findings:
        connection.execute(
            insert(findings).values(
                result_id=result_id,
                sop_instance_uid=finding.sop_instance_uid,
                label=finding.label,
                presence=finding.presence,
                probability=finding.probability,
                decision_threshold=finding.decision_threshold,
                statements=list(finding.statements),
            )
        )
    for refused in outcome.image_refusals:
        connection.execute(
            insert(image_refusals).values(
                result_id=result_id,
                sop_instance_uid=refused.sop_instance_uid,
                refusal=refused.refusal,
                reason=refused.reason,
            )
        )
    return result_id


def of_whole_study(outcome: Outcome) -> dict[str, Any]:
    """Return the columns of a study that say what its most suspicious image says."""
    worst = max(outcome.findings, key=lambda finding: finding.probability, default=None)
    if worst is None:
        return {"ai_presence": None, "ai_probability": None}
    return {"ai_presence": worst.presence, "ai_probability": worst.probability}


def record_report(
    connection: Connection, report: Report, result_id: int | None, now: datetime
) -> None:
    """Record an object that we made; a repeat changes nothing but where it is kept."""
    values = {
        "result_id": result_id,
        "file_key": report.file_key,
        "file_sha256": report.file_sha256,
        "byte_count": report.byte_count,
    }
    here = reports.c.sop_instance_uid == report.key.sop_instance_uid
    # The study's row is locked by the caller's UPDATE, so nobody else inserts between these two.
    if connection.execute(update(reports).where(here).values(**values)).rowcount:
        return
    connection.execute(
        insert(reports).values(
            sop_instance_uid=report.key.sop_instance_uid,
            study_uid=report.key.study_uid,
            series_uid=report.key.series_uid,
            sop_class_uid=report.sop_class_uid,
            kind=report.kind,
            made_at=now,
            **values,
        )
    )


def takes_every_kind(destination: str, kind: ReportKind) -> bool:
    """Say that every destination gets every object."""
    del destination, kind
    return True


def record_deliveries(
    connection: Connection,
    report: Report,
    destinations: Sequence[str],
    now: datetime,
    takes: Takes = takes_every_kind,
) -> None:
    """Queue a report for every destination that takes its kind and does not have it queued yet.

    Where a rule of the site says where the results of this study go, its names take the place of
    `destinations`; one that the settings no longer have is seen waiting, not dropped.
    """
    uid = report.key.sop_instance_uid
    ruled = connection.execute(
        select(studies.c.destinations).where(studies.c.study_uid == report.key.study_uid)
    ).scalar_one_or_none()
    destinations = destinations if ruled is None else ruled
    known = set(
        connection.execute(
            select(deliveries.c.destination).where(deliveries.c.sop_instance_uid == uid)
        ).scalars()
    )
    priority = select(func.coalesce(studies.c.priority, 0)).where(
        studies.c.study_uid == report.key.study_uid
    )
    for destination in destinations:
        if destination in known or not takes(destination, report.kind):
            continue
        connection.execute(
            insert(deliveries).values(
                study_uid=report.key.study_uid,
                sop_instance_uid=uid,
                destination=destination,
                priority=priority.scalar_subquery(),
                state=DeliveryState.READY,
                attempt=0,
                reason="",
                created_at=now,
                next_attempt_at=now,
            )
        )
