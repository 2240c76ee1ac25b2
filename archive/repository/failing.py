"""What failed on its way out: given up, or tried in vain and to be tried again."""

from typing import Any

from sqlalchemy import ColumnElement, and_, func, or_, select

from archive.operation_records import FailureQuery
from archive.records import Delivery, DeliveryState
from archive.repository.newest import newest_first
from archive.repository.reading import deliveries_with_reports
from archive.repository.rows import delivery_of
from archive.repository.transactions import Transactions
from archive.schema import deliveries


class FailingRows(Transactions):
    """Deliveries that failed, as administrators look for them."""

    def failures(
        self, query: FailureQuery, *, limit: int, before: int | None = None
    ) -> tuple[Delivery, ...]:
        """Return deliveries that failed, the newest first.

        Parameters
        ----------
        query
            What is looked for.
        limit
            At most so many.
        before
            Only deliveries with a smaller number: those that follow on the next page.
        """
        statement = deliveries_with_reports().where(_has_failed(), *_wanted(query))
        statement = newest_first(statement, deliveries.c.delivery_id, limit=limit, before=before)
        with self._reading() as connection:
            return tuple(delivery_of(row) for row in connection.execute(statement))

    def given_up(self, query: FailureQuery, *, limit: int) -> tuple[int, ...]:
        """Return the numbers of those of them that were given up, the oldest first."""
        statement = (
            select(deliveries.c.delivery_id)
            .where(deliveries.c.state == DeliveryState.GAVE_UP, *_wanted(query))
            .order_by(deliveries.c.delivery_id)
            .limit(limit)
        )
        with self._reading() as connection:
            return tuple(connection.execute(statement).scalars())


def _has_failed() -> ColumnElement[bool]:
    is_to_be_tried_again = and_(
        deliveries.c.state == DeliveryState.READY,
        deliveries.c.reason != "",
        deliveries.c.attempt > 0,
    )
    return and_(
        # By this the index passes over all that was delivered.
        deliveries.c.state.in_([DeliveryState.GAVE_UP, DeliveryState.READY]),
        or_(deliveries.c.state == DeliveryState.GAVE_UP, is_to_be_tried_again),
    )


def _wanted(query: FailureQuery) -> list[ColumnElement[Any]]:
    # `autoescape`: % and _ stand for themselves.
    wanted = [
        func.lower(deliveries.c.reason).contains(word.lower(), autoescape=True)
        for word in query.words.split()
    ]
    if query.state is not None:
        wanted.append(deliveries.c.state == query.state)
    if query.destination:
        wanted.append(deliveries.c.destination == query.destination)
    return wanted
