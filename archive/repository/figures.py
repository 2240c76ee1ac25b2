"""What models said, and what reviews say of them: decisions beside the results they judged."""

import heapq
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, fields
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Any, TypeVar

from sqlalchemy import Column, Connection, Select, Table, and_, func, insert, select, tuple_

from archive.model_records import Disagreement, ModelOutput
from archive.records import Presence, StudyUid
from archive.repository.rows import AnyRow, key_of
from archive.repository.transactions import Transactions
from archive.retention_tables import past_outputs, past_reviews
from archive.review_records import JudgedResult, ReviewReason, Verdict
from archive.review_tables import reviews
from archive.schema import findings, instances, results, studies

ROWS_AT_ONCE = 1000
T = TypeVar("T")
# When it was made and its number, and the record.
_Placed = tuple[tuple[datetime, int], T]


class FigureRows(Transactions):
    """Decisions and the results they judged."""

    def judged_results(self) -> Iterator[JudgedResult]:
        """Yield every standing decision about an AI result, the oldest first.

        Of deleted studies, too.
        """
        yield from _merged(
            self._here(_statement(), reviews.c.review_id, _judged_result_of),
            self._gone(past_reviews, past_reviews.c.review_id, _past_review_of),
        )

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
        """Yield what models said of every study, also where nobody reviewed it, oldest first.

        Of deleted studies, too.
        """
        yield from _merged(
            self._here(_outputs(), results.c.result_id, _output_of),
            self._gone(past_outputs, past_outputs.c.result_id, _past_output_of),
        )

    def _here(
        self, statement: Select[Any], number: Column[int], record_of: Callable[[AnyRow], T]
    ) -> Iterator[_Placed[T]]:
        """Yield records of studies that are here, the oldest first, with their numbers."""
        last = 0
        while True:
            with self._reading() as connection:
                rows = connection.execute(statement.where(number > last).limit(ROWS_AT_ONCE)).all()
            for row in rows:
                last = row._mapping[number]
                yield (row.made_at, last), record_of(row)
            if len(rows) < ROWS_AT_ONCE:
                return

    def _gone(
        self, table: Table, number: Column[int], record_of: Callable[[AnyRow], T]
    ) -> Iterator[_Placed[T]]:
        """Yield records of deleted studies, likewise."""
        place = (table.c.made_at, table.c.past_id)
        statement = select(table).order_by(*place).limit(ROWS_AT_ONCE)
        rows: Sequence[AnyRow] = ()
        while True:
            page = statement
            if rows:
                page = page.where(tuple_(*place) > tuple_(rows[-1].made_at, rows[-1].past_id))
            with self._reading() as connection:
                rows = connection.execute(page).all()
            for row in rows:
                yield (row.made_at, row._mapping[number]), record_of(row)
            if len(rows) < ROWS_AT_ONCE:
                return


def keep_figures(connection: Connection, study_uid: str) -> None:
    """Keep what a model said of a study, and what people said of that, when the study goes."""
    said = connection.execute(_outputs().where(results.c.study_uid == study_uid)).all()
    for row in said:
        kept = asdict(_output_of(row)) | {"result_id": row.result_id}
        connection.execute(insert(past_outputs).values(**kept))
    judged = connection.execute(_statement().where(reviews.c.study_uid == study_uid)).all()
    for row in judged:
        connection.execute(insert(past_reviews).values(**asdict(_judged_result_of(row))))


def _merged(*streams: Iterator[_Placed[T]]) -> Iterator[T]:
    """Yield the oldest first; a study may go while its figures are read, and stand in both."""
    place = itemgetter(0)
    for _, same in groupby(heapq.merge(*streams, key=place), key=place):
        yield next(same)[1]


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


def _past_output_of(row: AnyRow) -> ModelOutput:
    kept = _kept(row, ModelOutput)
    return ModelOutput(**kept | {"presence": Presence(row.presence) if row.presence else None})


def _past_review_of(row: AnyRow) -> JudgedResult:
    kept = _kept(row, JudgedResult) | {
        "study_uid": StudyUid(row.study_uid),
        "verdict": Verdict(row.verdict),
        "reason": ReviewReason(row.reason),
        "presence": Presence(row.presence) if row.presence else None,
        "blind_presence": Presence(row.blind_presence) if row.blind_presence else None,
        "ai_presence": Presence(row.ai_presence),
    }
    return JudgedResult(**kept)


def _kept(row: AnyRow, kind: type[ModelOutput | JudgedResult]) -> dict[str, Any]:
    return {field.name: getattr(row, field.name) for field in fields(kind)}


def _age(birth_date: str, study_date: str) -> int | None:
    """Whole years between two dates YYYYMMDD; None where either is missing or makes no sense."""
    dates = birth_date, study_date
    if not all(len(date) == 8 and date.isascii() and date.isdigit() for date in dates):
        return None
    years = int(study_date[:4]) - int(birth_date[:4]) - (study_date[4:] < birth_date[4:])
    return years if 0 <= years <= 130 else None
