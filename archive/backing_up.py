"""Copies an archive that is in use: the database as it is at one moment, and every file it names.

Files are durable before their row and never change, so all that the copied rows name is there to be
copied. A folder takes many backups: what an earlier one brought is not copied again, and each
database has the time in its name. The name is given last; a database under it is a whole backup.
"""

import errno
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from archive.copying import copied_with_digest
from archive.database import SQLITE_PREFIX, Archive, make_engine
from archive.errors import ArchiveError, ArchiveUnavailable, FileDamaged, FileMissing, StorageFull
from archive.flushing import flush_file, flush_folder
from archive.repository import Repository
from archive.stored_records import StoredFile

FILES = "files"
_OWNER_ONLY = 0o700


@dataclass(frozen=True, kw_only=True)
class BackupDone:
    """What a backup holds."""

    database: Path | None
    """None where the database is a server, which makes its own copies."""
    file_count: int
    copied: int
    """Of the files, those that no earlier backup in the folder had."""
    faults: tuple[str, ...]
    """Files that could not be copied as their rows say, and why; the rest is there."""


def back_up(
    archive: Archive,
    folder: Path,
    *,
    hard_links: bool = False,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> BackupDone:
    """Copy an archive into a folder; safe to repeat, and to break off.

    Parameters
    ----------
    archive
        May be in use.
    folder
        Made where it is missing; may hold earlier backups of this archive.
    hard_links
        Give files a second name instead of copying them: quick, on the same file system only, and
        no help when the disk fails.
    now
        The time of day in UTC.

    Raises
    ------
    ArchiveUnavailable
        The archive cannot be read or the folder not be written.
    """
    with _translated():
        folder.mkdir(mode=_OWNER_ONLY, parents=True, exist_ok=True)
        database = None
        if archive.repository.is_one_file:
            database = folder / f"hilum-{now():%Y%m%dT%H%M%S.%fZ}.db"
        with archive.files.undisturbed(), _rows_of(archive, database) as rows:
            counts = _copy_files(archive, rows, folder, hard_links=hard_links)
        if database is not None:
            flush_file(_partial(database))
            _partial(database).rename(database)
        flush_folder(folder)
    file_count, copied, faults = counts
    return BackupDone(database=database, file_count=file_count, copied=copied, faults=faults)


@contextmanager
def _rows_of(archive: Archive, database: Path | None) -> Iterator[Repository]:
    """Give the rows that say what is to be copied: those of the copy, where there is one."""
    if database is None:
        yield archive.repository
        return
    partial = _partial(database)
    try:
        archive.repository.copy_database(partial)
        partial.chmod(0o600)
        copied = Repository(make_engine(f"{SQLITE_PREFIX}{partial}"))
        try:
            yield copied
        finally:
            copied.dispose()
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def _copy_files(
    archive: Archive, rows: Repository, folder: Path, *, hard_links: bool
) -> tuple[int, int, tuple[str, ...]]:
    count, copied = 0, 0
    faults: list[str] = []
    for stored in rows.stored_files():
        count += 1
        target = folder / FILES / stored.file_key
        if target.exists():
            continue
        try:
            _copy(archive.files.path_of(stored.file_key), target, stored, hard_links=hard_links)
            copied += 1
        except FileNotFoundError:
            faults.append(f"{stored.file_key}: missing")
        except (FileDamaged, FileMissing) as error:
            faults.append(f"{stored.file_key}: {error}")
    return count, copied, tuple(faults)


def _copy(source: Path, target: Path, stored: StoredFile, *, hard_links: bool) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if hard_links:
        os.link(source, target)
        return
    partial = _partial(target)
    try:
        digest = copied_with_digest(source, partial)
        shutil.copystat(source, partial)
        if stored.file_sha256 not in (None, digest):
            raise FileDamaged("a stored file no longer has its recorded SHA-256")
        flush_file(partial)
        partial.rename(target)
        flush_folder(target.parent)
    finally:
        partial.unlink(missing_ok=True)


def _partial(path: Path) -> Path:
    return path.with_name(f"{path.name}.part")


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except ArchiveError:
        raise
    except OSError as error:
        words = os.strerror(error.errno) if error.errno else type(error).__name__
        kind = StorageFull if error.errno == errno.ENOSPC else ArchiveUnavailable
        raise kind(f"backup: {error.filename or ''}: {words}") from error
