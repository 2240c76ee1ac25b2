"""Studies found by what stands in them, as QIDO-RS asks (PS3.18 10.6 and PS3.4 C.2.2.2)."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Table, and_, func, or_, select

from archive.records import ReportKind, Study, StudyUid
from archive.repository.reading import studies_with_counts
from archive.repository.rows import AnyRow, study_of
from archive.repository.transactions import Transactions
from archive.review_records import StudyContents, StudyQuery
from archive.schema import instances, reports, studies

_ESCAPE = "\\"


class QueryingRows(Transactions):
    """Studies by their attributes."""

    def find_studies(self, query: StudyQuery) -> tuple[Study, ...]:
        """Return studies that match, the newest study date first."""
        statement = (
            studies_with_counts()
            .where(and_(True, *_conditions(query)))
            .order_by(studies.c.study_date.desc(), studies.c.study_uid)
            .limit(query.limit)
            .offset(query.offset)
        )
        with self._reading() as connection:
            return tuple(study_of(row) for row in connection.execute(statement))

    def contents_of(self, study_uids: Sequence[StudyUid]) -> dict[StudyUid, StudyContents]:
        """Return what each of these studies holds."""
        received = select(instances.c.study_uid, instances.c.series_uid, instances.c.modality)
        made = select(reports.c.study_uid, reports.c.series_uid, reports.c.kind)
        with self._reading() as connection:
            theirs = _by_study(
                connection.execute(received.where(instances.c.study_uid.in_(study_uids)))
            )
            ours = _by_study(connection.execute(made.where(reports.c.study_uid.in_(study_uids))))
        return {uid: _contents(theirs.get(uid, []), ours.get(uid, [])) for uid in study_uids}


def _by_study(rows: Iterable[AnyRow]) -> dict[str, list[tuple[str, str]]]:
    """Return series and modality, or kind, of each object by its study."""
    found: dict[str, list[tuple[str, str]]] = {}
    for row in rows:
        study_uid, series_uid, kind = tuple(row)
        found.setdefault(study_uid, []).append((series_uid, kind))
    return found


def _contents(theirs: list[tuple[str, str]], ours: list[tuple[str, str]]) -> StudyContents:
    return StudyContents(
        modalities=frozenset(modality for _, modality in theirs),
        report_kinds=frozenset(ReportKind(kind) for _, kind in ours),
        series_count=len({series_uid for series_uid, _ in (*theirs, *ours)}),
        object_count=len(theirs) + len(ours),
    )


def _conditions(query: StudyQuery) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    for column, pattern in (
        (studies.c.patient_name, query.patient_name),
        (studies.c.patient_id, query.patient_id),
        (studies.c.accession_number, query.accession_number),
        (studies.c.study_description, query.study_description),
    ):
        if pattern:
            found.append(_matches(column, pattern))
    if query.study_uids:
        found.append(studies.c.study_uid.in_(query.study_uids))
    if query.first_date:
        found.append(studies.c.study_date >= query.first_date)
    if query.last_date:
        # Studies without a date would sort before every date.
        found.append(and_(studies.c.study_date <= query.last_date, studies.c.study_date != ""))
    if query.modality:
        found.append(
            or_(
                _holds(instances, instances.c.modality == query.modality),
                _holds(reports, reports.c.kind.in_(query.report_kinds)),
            )
        )
    if query.sop_class_uid:
        found.append(
            or_(
                _holds(instances, instances.c.sop_class_uid == query.sop_class_uid),
                _holds(reports, reports.c.sop_class_uid == query.sop_class_uid),
            )
        )
    return found


def _holds(table: Table, condition: ColumnElement[bool]) -> ColumnElement[bool]:
    """Return whether a study has an object in a table of which a condition is true."""
    held = and_(table.c.study_uid == studies.c.study_uid, condition)
    return select(table.c.study_uid).where(held).correlate(studies).exists()


def _matches(column: ColumnElement[Any], pattern: str) -> ColumnElement[bool]:
    """Match with * for any text and ? for one character, whatever the case (PS3.4 C.2.2.2.4)."""
    if not any(wild in pattern for wild in "*?"):
        return func.lower(column) == pattern.lower()  # which an index finds
    escaped = pattern
    for character in (_ESCAPE, "%", "_"):
        escaped = escaped.replace(character, _ESCAPE + character)
    like = escaped.replace("*", "%").replace("?", "_").lower()
    return func.lower(column).like(like, escape=_ESCAPE)
