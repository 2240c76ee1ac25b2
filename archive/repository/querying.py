"""Studies found by what stands in them, as QIDO-RS asks (PS3.18 10.6 and PS3.4 C.2.2.2)."""

from typing import Any

from sqlalchemy import ColumnElement, and_, func, select

from archive.records import Study
from archive.repository.reading import studies_with_counts
from archive.repository.rows import study_of
from archive.repository.transactions import Transactions
from archive.review_records import StudyQuery
from archive.schema import instances, studies

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
    for column, value in (
        (instances.c.modality, query.modality),
        (instances.c.sop_class_uid, query.sop_class_uid),
    ):
        if value:
            held = (instances.c.study_uid == studies.c.study_uid) & (column == value)
            found.append(select(instances.c.study_uid).where(held).correlate(studies).exists())
    return found


def _matches(column: ColumnElement[Any], pattern: str) -> ColumnElement[bool]:
    """Match with * for any text and ? for one character, whatever the case (PS3.4 C.2.2.2.4)."""
    escaped = pattern
    for character in (_ESCAPE, "%", "_"):
        escaped = escaped.replace(character, _ESCAPE + character)
    like = escaped.replace("*", "%").replace("?", "_").lower()
    return func.lower(column).like(like, escape=_ESCAPE)
