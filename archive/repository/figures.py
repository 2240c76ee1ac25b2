"""What reviews say of the models: every standing decision beside the result that it judged."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Select, and_, func, select

from archive.records import Presence, StudyUid
from archive.repository.rows import AnyRow
from archive.repository.transactions import Transactions
from archive.review_records import JudgedResult, ReviewReason, Verdict
from archive.review_tables import reviews
from archive.schema import findings, instances, results, studies

ROWS_AT_ONCE = 1000


class FigureRows(Transactions):
    """Decisions and the results they judged."""

    def judged_results(self) -> Iterator[JudgedResult]:
        """Yield every standing decision about an AI result, the oldest first."""
        last = 0
        while True:
            with self._reading() as connection:
                rows = connection.execute(
                    _statement().where(reviews.c.review_id > last).limit(ROWS_AT_ONCE)
                ).all()
            yield from (_judged_result_of(row) for row in rows)
            if len(rows) < ROWS_AT_ONCE:
                return
            last = rows[-1].review_id


def _statement() -> Select[Any]:
    # The most suspicious finding stands for the study, as in the worklist.
    highest = (
        select(func.max(findings.c.probability))
        .where(findings.c.result_id == results.c.result_id)
        .correlate(results)
        .scalar_subquery()
    )
    first_finding = (
        select(func.min(findings.c.finding_id))
        .where(findings.c.result_id == results.c.result_id, findings.c.probability == highest)
        .correlate(results)
        .scalar_subquery()
    )
    sender = (
        select(func.min(instances.c.calling_ae_title))
        .where(instances.c.study_uid == reviews.c.study_uid)
        .correlate(reviews)
        .scalar_subquery()
    )
    return (
        select(
            reviews,
            results.c.model_name,
            results.c.model_version,
            results.c.weights_sha256,
            findings.c.presence.label("ai_presence"),
            findings.c.probability,
            findings.c.decision_threshold,
            studies.c.patient_birth_date,
            studies.c.patient_sex,
            studies.c.study_date,
            sender.label("calling_ae_title"),
        )
        .join(results, results.c.result_id == reviews.c.result_id)
        .join(
            findings,
            and_(
                findings.c.result_id == results.c.result_id,
                findings.c.finding_id == first_finding,
            ),
        )
        .join(studies, studies.c.study_uid == reviews.c.study_uid)
        .where(reviews.c.is_current)
        .order_by(reviews.c.review_id)
    )


def _judged_result_of(row: AnyRow) -> JudgedResult:
    return JudgedResult(
        review_id=row.review_id,
        study_uid=StudyUid(row.study_uid),
        made_at=row.made_at,
        verdict=Verdict(row.verdict),
        reason=ReviewReason(row.reason),
        presence=Presence(row.presence) if row.presence else None,
        blind_presence=Presence(row.blind_presence) if row.blind_presence else None,
        image_visible_milliseconds=row.image_visible_milliseconds,
        model_name=row.model_name,
        model_version=row.model_version,
        weights_sha256=row.weights_sha256,
        ai_presence=Presence(row.ai_presence),
        probability=row.probability,
        decision_threshold=row.decision_threshold,
        patient_age_years=_age(row.patient_birth_date, row.study_date),
        patient_sex=row.patient_sex,
        calling_ae_title=row.calling_ae_title or "",
    )


def _age(birth_date: str, study_date: str) -> int | None:
    """Whole years between two dates YYYYMMDD; None where either is missing or makes no sense."""
    dates = birth_date, study_date
    if not all(len(date) == 8 and date.isascii() and date.isdigit() for date in dates):
        return None
    years = int(study_date[:4]) - int(birth_date[:4]) - (study_date[4:] < birth_date[4:])
    return years if 0 <= years <= 130 else None
