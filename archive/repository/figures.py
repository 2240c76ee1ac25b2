"""What models said, and what reviews say of them: decisions beside the results they judged."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Select, and_, func, select

from archive.model_records import Disagreement, ModelOutput
from archive.records import Presence, StudyUid
from archive.repository.rows import AnyRow, key_of
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

    def disagreements(
        self, *, limit: int, before: int | None = None, version: str | None = None
    ) -> tuple[Disagreement, ...]:
        """Return results that reviewers rejected or corrected, the newest decision first.

        Parameters
        ----------
        limit
            At most so many.
        before
            Only decisions with a smaller number: those that follow on the next page.
        version
            Only results of models of this version.
        """
        image = instances.alias("image")
        statement = (
            _statement()
            .add_columns(image.c.series_uid, image.c.sop_instance_uid)
            .join(image, image.c.sop_instance_uid == findings.c.sop_instance_uid)
            .where(reviews.c.verdict.in_([Verdict.REJECT, Verdict.CORRECT]))
            .order_by(None)
            .order_by(reviews.c.review_id.desc())
            .limit(limit)
        )
        if before is not None:
            statement = statement.where(reviews.c.review_id < before)
        if version is not None:
            statement = statement.where(results.c.model_version == version)
        with self._reading() as connection:
            rows = connection.execute(statement).all()
        return tuple(Disagreement(judged=_judged_result_of(row), image=key_of(row)) for row in rows)

    def model_outputs(self) -> Iterator[ModelOutput]:
        """Yield what models said of every study, also where nobody reviewed it, oldest first."""
        last = 0
        while True:
            with self._reading() as connection:
                rows = connection.execute(
                    _outputs().where(results.c.result_id > last).limit(ROWS_AT_ONCE)
                ).all()
            yield from (_output_of(row) for row in rows)
            if len(rows) < ROWS_AT_ONCE:
                return
            last = rows[-1].result_id


def _first_finding() -> Any:
    """Let the most suspicious finding stand for the study, as in the worklist."""
    highest = (
        select(func.max(findings.c.probability))
        .where(findings.c.result_id == results.c.result_id)
        .correlate(results)
        .scalar_subquery()
    )
    first = (
        select(func.min(findings.c.finding_id))
        .where(findings.c.result_id == results.c.result_id, findings.c.probability == highest)
        .correlate(results)
        .scalar_subquery()
    )
    return and_(findings.c.result_id == results.c.result_id, findings.c.finding_id == first)


def _sender() -> Any:
    return (
        select(func.min(instances.c.calling_ae_title))
        .where(instances.c.study_uid == studies.c.study_uid)
        .correlate(studies)
        .scalar_subquery()
        .label("calling_ae_title")
    )


def _outputs() -> Select[Any]:
    return (
        select(
            results.c.result_id,
            results.c.made_at,
            results.c.model_name,
            results.c.model_version,
            results.c.weights_sha256,
            findings.c.presence,
            findings.c.probability,
            studies.c.patient_birth_date,
            studies.c.study_date,
            _sender(),
        )
        .join(studies, studies.c.study_uid == results.c.study_uid)
        .outerjoin(findings, _first_finding())
        .order_by(results.c.result_id)
    )


def _output_of(row: AnyRow) -> ModelOutput:
    return ModelOutput(
        made_at=row.made_at,
        model_name=row.model_name,
        model_version=row.model_version,
        weights_sha256=row.weights_sha256,
        presence=Presence(row.presence) if row.presence else None,
        probability=row.probability,
        calling_ae_title=row.calling_ae_title or "",
        patient_age_years=_age(row.patient_birth_date, row.study_date),
    )


def _statement() -> Select[Any]:
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
            _sender(),
        )
        .join(results, results.c.result_id == reviews.c.result_id)
        .join(findings, _first_finding())
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
        key_count=row.key_count,
        click_count=row.click_count,
        is_heat_map_opened=row.is_heat_map_opened,
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
