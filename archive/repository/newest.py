"""One page of a list that is read from its newest line on."""

from typing import Any

from sqlalchemy import Column, Select


def newest_first(
    statement: Select[Any], number: Column[int], *, limit: int, before: int | None
) -> Select[Any]:
    """Order by falling number and cut after `limit` lines.

    Parameters
    ----------
    before
        Only lines with a smaller number: those that follow on the next page.
    """
    if before is not None:
        statement = statement.where(number < before)
    return statement.order_by(number.desc()).limit(limit)
