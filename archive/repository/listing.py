"""All studies as a table to take away, without anything that names a patient."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Select, and_, func, select

from archive.operation_records import ListedStudy
from archive.records import Presence, Refusal, StudyState
from archive.repository.rows import AnyRow
from archive.repository.transactions import Transactions
from archive.schema import instances, results, studies

ROWS_AT_ONCE = 1000


class ListingRows(Transactions):
    """What became of every study."""

    def listed_studies(self) -> Iterator[ListedStudy]:
        """Yield every study with its current result, by UID."""
        last = ""
        while True:
            statement = _statement().where(studies.c.study_uid > last).limit(ROWS_AT_ONCE)
            with self._reading() as connection:
                rows = connection.execute(statement).all()
            yield from (_listed(row) for row in rows)
            if len(rows) < ROWS_AT_ONCE:
                return
            last = rows[-1].study_uid


def _statement() -> Select[Any]:
    received = select(instances).where(instances.c.study_uid == studies.c.study_uid)
    is_current = and_(results.c.study_uid == studies.c.study_uid, results.c.is_current)
    return (
        select(
            studies,
            results.c.made_at,
            results.c.model_name,
            results.c.model_version,
            received.with_only_columns(func.count()).scalar_subquery().label("instance_count"),
            received.with_only_columns(func.min(instances.c.calling_ae_title))
            .scalar_subquery()
            .label("calling_ae_title"),
        )
        .outerjoin(results, is_current)
        .order_by(studies.c.study_uid)
    )


def _listed(row: AnyRow) -> ListedStudy:
    return ListedStudy(
        study_uid=row.study_uid,
        state=StudyState(row.state),
        refusal=Refusal(row.refusal) if row.refusal else None,
        reason=row.reason,
        priority=row.priority,
        instance_count=row.instance_count,
        calling_ae_title=row.calling_ae_title or "",
        first_received_at=row.first_received_at,
        last_received_at=row.last_received_at,
        rule=row.rule,
        result_made_at=row.made_at,
        model_name=row.model_name or "",
        model_version=row.model_version or "",
        ai_presence=Presence(row.ai_presence) if row.ai_presence else None,
        ai_probability=row.ai_probability,
        is_read=row.is_read,
    )
