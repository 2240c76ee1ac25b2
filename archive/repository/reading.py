"""What pages and commands read: studies, one study with everything, deliveries."""

from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, or_, select

from archive.errors import NotFound
from archive.records import (
    Delivery,
    DeliveryState,
    Study,
    StudyDetail,
    StudyState,
    StudyUid,
)
from archive.repository.cursors import cursor_at, place_of
from archive.repository.newest import newest_first
from archive.repository.outcomes import results_of
from archive.repository.rows import delivery_of, instance_of, report_of, study_of
from archive.repository.transactions import Transactions
from archive.schema import deliveries, instances, reports, studies


class ReadingRows(Transactions):
    """Views of the archive; nothing here changes it."""

    def studies(
        self,
        *,
        limit: int,
        before: str | None = None,
        state: StudyState | None = None,
        text: str = "",
        first_date: str = "",
        last_date: str = "",
    ) -> tuple[tuple[Study, ...], str | None]:
        """Return studies, the newest first, and the cursor of the next page if there is one.

        Parameters
        ----------
        limit
            Studies on a page.
        before
            The cursor of the page before.
        state
            Only studies in this state.
        text
            Only studies in whose patient name, patient ID or accession number this stands.
        first_date
            YYYYMMDD: only studies of this day or later; so with the last. Empty: any.
        last_date
            Only studies of this day or earlier that have a date.

        Raises
        ------
        NotFound
            `before` is no cursor of ours.
        """
        statement = studies_with_counts()
        if state is not None:
            statement = statement.where(studies.c.state == state)
        if text:
            statement = statement.where(_names(text))
        if first_date:
            statement = statement.where(studies.c.study_date >= first_date)
        if last_date:
            # Studies without a date would sort before every date.
            statement = statement.where(
                studies.c.study_date <= last_date, studies.c.study_date != ""
            )
        if before is not None:
            moment, uid = place_of(before)
            statement = statement.where(
                or_(
                    studies.c.first_received_at < moment,
                    and_(studies.c.first_received_at == moment, studies.c.study_uid < uid),
                )
            )
        statement = statement.order_by(
            studies.c.first_received_at.desc(), studies.c.study_uid.desc()
        ).limit(limit + 1)
        with self._reading() as connection:
            found = [study_of(row) for row in connection.execute(statement)]
        page = tuple(found[:limit])
        if len(found) <= limit:
            return page, None
        return page, cursor_at(page[-1].first_received_at, page[-1].study_uid)

    def study(self, study_uid: StudyUid) -> StudyDetail:
        """Return one study with all that belongs to it.

        Raises
        ------
        NotFound
            There is no such study.
        """
        with self._reading() as connection:
            row = connection.execute(
                studies_with_counts().where(studies.c.study_uid == study_uid)
            ).one_or_none()
            if row is None:
                raise NotFound("no such study")
            return StudyDetail(
                study=study_of(row),
                instances=tuple(
                    instance_of(one)
                    for one in connection.execute(
                        select(instances)
                        .where(instances.c.study_uid == study_uid)
                        .order_by(instances.c.received_at, instances.c.sop_instance_uid)
                    )
                ),
                results=results_of(connection, study_uid),
                reports=tuple(
                    report_of(one)
                    for one in connection.execute(
                        select(reports)
                        .where(reports.c.study_uid == study_uid)
                        .order_by(reports.c.made_at, reports.c.sop_instance_uid)
                    )
                ),
                deliveries=tuple(
                    delivery_of(one)
                    for one in connection.execute(
                        deliveries_with_reports()
                        .where(deliveries.c.study_uid == study_uid)
                        .order_by(deliveries.c.delivery_id)
                    )
                ),
            )

    def deliveries(
        self,
        *,
        state: DeliveryState | None = None,
        destination: str | None = None,
        limit: int = 200,
        before: int | None = None,
    ) -> tuple[Delivery, ...]:
        """Return deliveries, the newest first.

        Parameters
        ----------
        state
            Only deliveries in this state.
        destination
            Only deliveries to the destination of this name.
        limit
            At most so many.
        before
            Only deliveries with a smaller number: those that follow on the next page.
        """
        statement = deliveries_with_reports()
        if state is not None:
            statement = statement.where(deliveries.c.state == state)
        if destination is not None:
            statement = statement.where(deliveries.c.destination == destination)
        statement = newest_first(statement, deliveries.c.delivery_id, limit=limit, before=before)
        with self._reading() as connection:
            return tuple(delivery_of(row) for row in connection.execute(statement))


def _names(text: str) -> ColumnElement[bool]:
    columns = (studies.c.patient_name, studies.c.patient_id, studies.c.accession_number)
    # `autoescape`: % and _ stand for themselves.
    found = (func.lower(column).contains(text.lower(), autoescape=True) for column in columns)
    return or_(*found)


def studies_with_counts() -> Select[Any]:
    """Return the columns that `study_of` needs."""
    count = (
        select(func.count())
        .where(instances.c.study_uid == studies.c.study_uid)
        .correlate(studies)
        .scalar_subquery()
    )
    return select(studies, count.label("instance_count"))


def deliveries_with_reports() -> Select[Any]:
    """Return a statement that gives deliveries with what their reports are."""
    return select(deliveries, reports.c.sop_class_uid, reports.c.kind).join(
        reports, reports.c.sop_instance_uid == deliveries.c.sop_instance_uid
    )
