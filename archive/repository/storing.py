"""What the rows say of the store as a whole, and a copy of the database while it is in use."""

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Select, Table, literal, select

from archive.errors import ArchiveUnavailable
from archive.records import FileKey
from archive.repository.transactions import Transactions
from archive.review_tables import heat_maps
from archive.schema import conflicts, instances, reports
from archive.stored_records import StoredFile

ROWS_AT_ONCE = 1000
# Not `predictions`: what `/predict` is given is gone once it is answered.
_KEEPERS: tuple[Table, ...] = (instances, conflicts, reports, heat_maps)
_SAID = ("byte_count", "file_sha256", "data_set_sha256")


class StoringRows(Transactions):
    """Files by what names them, and the database itself."""

    @property
    def is_one_file(self) -> bool:
        """Whether the database is a file of ours (SQLite), and no server."""
        return self._engine.dialect.name == "sqlite"

    def stored_files(self) -> Iterator[StoredFile]:
        """Yield every file that a row names; holds no transaction open between them."""
        for table in _KEEPERS:
            last: Any = None
            while True:
                with self._reading() as connection:
                    rows = connection.execute(_files_of(table, last)).all()
                for row in rows:
                    yield StoredFile(
                        file_key=FileKey(row.file_key),
                        byte_count=row.byte_count,
                        file_sha256=row.file_sha256,
                        data_set_sha256=row.data_set_sha256,
                    )
                if len(rows) < ROWS_AT_ONCE:
                    break
                last = rows[-1].number

    def faults_of_database(self) -> tuple[str, ...]:
        """Return what SQLite finds wrong with its own file; of a server, nothing is known here."""
        if not self.is_one_file:
            return ()
        with self._reading() as connection:
            lines = connection.exec_driver_sql("PRAGMA integrity_check(20)").scalars().all()
        return tuple(line for line in lines if line != "ok")

    def copy_database(self, to: Path) -> None:
        """Write an SQLite database as it is at one moment into a new file, while others use it.

        Raises
        ------
        ArchiveUnavailable
            The database does not answer, or the copy cannot be written.
        """
        with self._reading() as connection:
            ours = connection.connection.driver_connection
            if not isinstance(ours, sqlite3.Connection):
                raise ArchiveUnavailable("database: a server makes its own copies")
            try:
                with contextlib.closing(sqlite3.connect(to)) as copy:
                    ours.backup(copy)
            except sqlite3.Error as error:
                raise ArchiveUnavailable(f"database: {type(error).__name__}") from error


def _files_of(table: Table, after: object) -> Select[Any]:
    (key,) = table.primary_key.columns
    said = (_column_or_null(table, name) for name in _SAID)
    statement = select(key.label("number"), table.c.file_key, *said).order_by(key)
    if after is not None:
        statement = statement.where(key > after)
    return statement.limit(ROWS_AT_ONCE)


def _column_or_null(table: Table, name: str) -> ColumnElement[Any]:
    return table.c[name] if name in table.c else literal(None).label(name)
