"""Transactions, the clock of the database, and database errors in our words."""

import contextlib
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Float,
    Table,
    cast,
    extract,
    func,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from archive.errors import ArchiveUnavailable, StorageFull

# 1970-01-01 00:00 UTC as a Julian day.
UNIX_EPOCH_DAY = 2_440_587.5
SECONDS_A_DAY = 86_400


class Transactions:
    """What all subjects of the repository share: an engine and how to use it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        # On SQLite a reading transaction takes no write lock (see database.py).
        self._reader = engine.execution_options(hilum_reads_only=True)

    @contextlib.contextmanager
    def _writing(self) -> Iterator[Connection]:
        with _translated(), self._engine.begin() as connection:
            yield connection

    @contextlib.contextmanager
    def _reading(self) -> Iterator[Connection]:
        with _translated(), self._reader.connect() as connection:
            yield connection

    def dispose(self) -> None:
        """Close all connections; needed before a process forks."""
        self._engine.dispose()


def database_now(connection: Connection) -> datetime:
    """Return the database's time, so that leases do not depend on the hosts' clocks.

    SQLite has no clock of its own: it is this machine's, like ours.
    """
    if connection.dialect.name == "sqlite":
        return datetime.now(UTC)
    now: datetime = connection.execute(select(func.clock_timestamp())).scalar_one()
    return now.astimezone(UTC)


def unix_seconds(connection: Connection, column: ColumnElement[datetime]) -> ColumnElement[float]:
    """Return a time as seconds since 1970, for averages; SQLite knows it to the millisecond."""
    if connection.dialect.name == "sqlite":
        return (func.julianday(column, type_=Float) - UNIX_EPOCH_DAY) * SECONDS_A_DAY
    return cast(extract("epoch", column), Float)


def insert_if_absent(connection: Connection, table: Table, row: dict[str, Any]) -> bool:
    """Insert `row` unless one with its keys is there; tell whether it was inserted."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    statement = dialect.insert(table).values(**row).on_conflict_do_nothing()
    # RETURNING, not rowcount: the PostgreSQL driver gives no count for inserts.
    inserted = connection.execute(statement.returning(*table.primary_key.columns))
    return inserted.first() is not None


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except IntegrityError:
        raise  # a defect in a statement of ours
    except PoolTimeout as error:
        raise ArchiveUnavailable("database: no free connection") from error
    except DBAPIError as error:
        # The driver's text can hold values of the statement, which may be a patient's.
        if "disk is full" in str(error.orig):
            raise StorageFull("database: disk is full") from error
        raise ArchiveUnavailable(f"database: {type(error.orig).__name__}") from error
