"""Opens the database (SQLite in WAL mode, or PostgreSQL) and brings its schema up to date."""

import contextlib
import fcntl
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.exc import DBAPIError

from archive.errors import ArchiveUnavailable
from archive.files import FileStore
from archive.repository import Repository
from config.settings import ArchiveSettings

MIGRATIONS = Path(__file__).with_name("migrations")
SQLITE_PREFIX = "sqlite:///"
# How long a statement waits for another writer before it fails with "database is locked".
BUSY_TIMEOUT_SECONDS = 10
# Any number; all processes of an installation use this one to take turns at migrating.
MIGRATION_LOCK = 4711


@dataclass(frozen=True, kw_only=True)
class Archive:
    """Rows and bytes of one installation."""

    repository: Repository
    files: FileStore


def open_archive(settings: ArchiveSettings) -> Archive:
    """Open rows and bytes, and upgrade the schema; safe to call from several processes at once.

    Raises
    ------
    ArchiveUnavailable
        The folder cannot be written or the database does not answer.
    """
    files = FileStore(settings.root)
    engine = make_engine(settings.database_url)
    upgrade(engine)
    return Archive(repository=Repository(engine), files=files)


def make_engine(database_url: str) -> Engine:
    """Return an engine; SQLite gets WAL, full durability, foreign keys and immediate writes."""
    if database_url.startswith(SQLITE_PREFIX):
        Path(database_url.removeprefix(SQLITE_PREFIX)).parent.mkdir(parents=True, exist_ok=True)
        engine = create_engine(
            database_url,
            connect_args={"timeout": BUSY_TIMEOUT_SECONDS, "check_same_thread": False},
            # A connection forgets its pages whenever another has written: use the same one again.
            pool_use_lifo=True,
        )
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_immediate)
        return engine
    url = database_url.replace("postgresql://", "postgresql+psycopg://", 1)
    return create_engine(url, pool_pre_ping=True, isolation_level="READ COMMITTED")


def upgrade(engine: Engine) -> None:
    """Bring the schema to the newest version; one process at a time."""
    try:
        with _taking_turns(engine), engine.connect() as connection:
            config = Config()
            config.set_main_option("script_location", str(MIGRATIONS))
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    except DBAPIError as error:
        raise ArchiveUnavailable(f"database: {type(error.orig).__name__}") from error


@contextlib.contextmanager
def _taking_turns(engine: Engine) -> Iterator[None]:
    if engine.dialect.name == "sqlite":
        with Path(f"{engine.url.database}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        return
    with engine.connect() as connection:
        connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": MIGRATION_LOCK})
        try:
            yield
        finally:
            connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": MIGRATION_LOCK})


def _prepare_sqlite(connection: sqlite3.Connection, _record: Any) -> None:
    # The driver must not begin transactions by itself, or BEGIN IMMEDIATE below would fail.
    connection.isolation_level = None
    connection.execute("PRAGMA journal_mode=WAL")
    # FULL: in WAL mode NORMAL may lose the last commits on power loss, which were acknowledged.
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA foreign_keys=ON")


def _begin_immediate(connection: Connection) -> None:
    # Reads that only look use `read` connections (see repository), whose snapshot needs no lock.
    mode = "" if connection.get_execution_options().get("hilum_reads_only") else " IMMEDIATE"
    connection.exec_driver_sql(f"BEGIN{mode}")
