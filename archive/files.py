"""The only disk I/O: objects are written whole and durable, read back checked, never changed.

Durable means: written to a temporary file in the same file system, linked to its place, fsync of
the file and of the folder (and of those above it, where it was made on the way). Paths are computed
here from checked UIDs and never taken from a peer.
"""

import contextlib
import errno
import fcntl
import os
import re
import shutil
import uuid
from collections.abc import Iterable, Iterator
from functools import lru_cache
from hashlib import file_digest, sha256
from pathlib import Path

from archive.errors import (
    ArchiveUnavailable,
    FileDamaged,
    FileMissing,
    FilesInUse,
    StorageFull,
    UidInvalid,
)
from archive.flushing import Flushing, flush, flush_file, flush_folder
from archive.records import FileKey, InstanceKey
from archive.retention_records import FileToDelete

INCOMING = "incoming"
RECEIVED = "received"
CONFLICTS = "conflicts"
REPORTS = "reports"
UPLOADS = "uploads"
DELETING = "deleting"

# Of a place: folder, group, study, file.
_PARTS_OF_A_PLACE = 4
# PS3.5 section 9.1: components of digits without leading zeros, at most 64 characters.
_UID = re.compile(r"(?=.{1,64}\Z)(0|[1-9][0-9]*)(\.(0|[1-9][0-9]*))*")


def sha256_of(content: bytes) -> str:
    """Hexadecimal SHA-256 of `content`."""
    return sha256(content).hexdigest()


def check_uid(uid: str) -> str:
    """Return `uid` if PS3.5 section 9.1 permits it.

    Raises
    ------
    UidInvalid
        For anything else; the text is not repeated, it came from outside.
    """
    if not _UID.fullmatch(uid):
        raise UidInvalid("a UID has 1 to 64 digits and dots, no component with a leading zero")
    return uid


class FileStore:
    """A local folder that keeps received objects, reports and uploads.

    Parameters
    ----------
    root
        The folder; made when absent.
    """

    def __init__(self, root: Path) -> None:
        self._root = root.resolve()
        self._flushing = Flushing()
        with _translated():
            for name in (INCOMING, RECEIVED, CONFLICTS, REPORTS, UPLOADS, DELETING):
                (self._root / name).mkdir(parents=True, exist_ok=True)

    @property
    def incoming(self) -> Path:
        """The folder for files on their way in; the same file system as where they go."""
        return self._root / INCOMING

    def new_temporary_file(self) -> Path:
        """Return a path inside `incoming` at which nothing stands yet."""
        return self.incoming / f"{uuid.uuid4().hex}.part"

    def has_received(self, key: InstanceKey, *, file_sha256: str) -> bool:
        """Whether something stands at the place of a received file: recorded, or about to be."""
        return (self._root / _place(RECEIVED, key, file_sha256)).exists()

    def keep_received(self, temporary: Path, key: InstanceKey, *, file_sha256: str) -> FileKey:
        """Move a received file to its place, durable on return.

        The place depends on the content, so that another object under the same UID can never
        take it. Repeating it for the same object replaces the file by its equal.
        """
        return self._keep(temporary, _place(RECEIVED, key, file_sha256))

    def keep_conflict(self, temporary: Path, key: InstanceKey, *, file_sha256: str) -> FileKey:
        """Keep a file apart whose UID already stands for another object, durable on return."""
        return self._keep(temporary, _place(CONFLICTS, key, file_sha256))

    def write_report(
        self, key: InstanceKey, content: bytes, *, file_sha256: str | None = None
    ) -> FileKey:
        """Write an object that we made, durable on return.

        The place depends on the content: a worker that lost its lease and comes back writes
        beside the report that stands, never over it.

        Parameters
        ----------
        file_sha256
            Of the content, where it is known already.
        """
        return self._write(_place(REPORTS, key, file_sha256 or sha256_of(content)), content)

    def write_upload(self, content: bytes) -> FileKey:
        """Write a file that belongs to no study, durable on return."""
        return self._write(Path(UPLOADS) / uuid.uuid4().hex, content)

    def read(self, file_key: FileKey, *, sha256: str | None = None) -> bytes:
        """Return a file's bytes.

        Raises
        ------
        FileMissing
            There is no such file.
        FileDamaged
            Its SHA-256 is not `sha256`.
        """
        try:
            with _translated():
                content = self.path_of(file_key).read_bytes()
        except FileNotFoundError:
            raise FileMissing("a recorded file is not in the store") from None
        if sha256 is not None and sha256_of(content) != sha256:
            raise FileDamaged("a stored file no longer has its recorded SHA-256")
        return content

    def sha256_behind(self, file_key: FileKey, offset: int) -> str:
        """Return the SHA-256 of a file without its first `offset` bytes; holds no file in memory.

        Raises
        ------
        FileMissing
            There is no such file.
        """
        try:
            with _translated(), self.path_of(file_key).open("rb") as file:
                file.seek(offset)
                return file_digest(file, "sha256").hexdigest()
        except FileNotFoundError:
            raise FileMissing("a recorded file is not in the store") from None

    def path_of(self, file_key: FileKey) -> Path:
        """Return where a file stands; refuses keys that lead out of the store."""
        path = (self._root / file_key).resolve()
        if not path.is_relative_to(self._root):
            raise FileMissing("a file key leads out of the store")
        return path

    def delete(self, file_key: FileKey) -> None:
        """Remove a file; does nothing when it is already gone."""
        with _translated():
            self.path_of(file_key).unlink(missing_ok=True)

    def stamp_of(self, file_key: FileKey) -> int | None:
        """Return when a file was written, in nanoseconds since 1970; None where it is not there."""
        with _translated(), contextlib.suppress(FileNotFoundError):
            return self.path_of(file_key).stat().st_mtime_ns
        return None

    @contextlib.contextmanager
    def deleting(self) -> Iterator[None]:
        """Have the right to `delete_unless_replaced` for a block; one process at a time has it.

        Raises
        ------
        FilesInUse
            Another deletes, or copies.
        """
        with self._turn(fcntl.LOCK_EX | fcntl.LOCK_NB):
            yield

    @contextlib.contextmanager
    def undisturbed(self) -> Iterator[None]:
        """Let no file whose rows are gone be deleted during a block; waits while some are."""
        with self._turn(fcntl.LOCK_SH):
            yield

    def delete_unless_replaced(self, files: Iterable[FileToDelete]) -> None:
        """Remove files that no row names any more, gone for good on return; safe to repeat.

        The same object may be received again meanwhile, and stands at the same place. So each is
        moved aside and looked at: one that was written since goes back.
        """
        folders: set[Path] = {self._root / DELETING}
        with _translated():
            for file in files:
                folders |= self._delete_one(self.path_of(file.file_key), file)
            for folder in folders:
                with contextlib.suppress(FileNotFoundError):
                    flush_folder(folder)

    def _delete_one(self, path: Path, file: FileToDelete) -> set[Path]:
        aside = self._root / DELETING / sha256(file.file_key.encode()).hexdigest()
        with contextlib.suppress(FileNotFoundError):
            path.rename(aside)
        # Here also after a run that was killed between the two.
        with contextlib.suppress(FileNotFoundError):
            if aside.stat().st_mtime_ns != file.stamp:
                path.parent.mkdir(parents=True, exist_ok=True)
                _put_back(aside, path)
                flush_folder(path.parent)
            aside.unlink(missing_ok=True)
        # A study's folder that is empty now; whoever is about to use it makes it again.
        if len(path.relative_to(self._root).parts) == _PARTS_OF_A_PLACE:
            with contextlib.suppress(OSError):
                path.parent.rmdir()
        return {path.parent, path.parent.parent}

    @contextlib.contextmanager
    def _turn(self, kind: int) -> Iterator[None]:
        with _translated():
            descriptor = os.open(self._root / DELETING, os.O_RDONLY | os.O_DIRECTORY)
        try:
            try:
                fcntl.flock(descriptor, kind)
            except BlockingIOError:
                raise FilesInUse("another run or a backup is under way") from None
            yield
        finally:
            os.close(descriptor)

    def free_bytes(self) -> int:
        """Bytes that may still be written."""
        with _translated():
            return shutil.disk_usage(self._root).free

    def list_keys(self, folder: str) -> Iterator[FileKey]:
        """Yield the keys of all files below one of the store's folders."""
        for path in (self._root / folder).rglob("*"):
            if path.is_file():
                yield FileKey(str(path.relative_to(self._root)))

    def _keep(self, temporary: Path, place: Path) -> FileKey:
        target = self._root / place
        try:
            return self._keep_at(target, temporary, place)
        except FileNotFoundError:
            if not temporary.exists():
                raise
            # The folder was there, and empty, and has just been deleted.
            return self._keep_at(target, temporary, place)

    def _keep_at(self, target: Path, temporary: Path, place: Path) -> FileKey:
        with _translated(), self._flushing.folder(target.parent) as folders:
            try:
                os.link(temporary, target)
            except OSError:
                # Its equal stands there and may be recorded: it is replaced only by what is
                # durable. Or the file system knows no links.
                flush_file(temporary)
                temporary.rename(target)
            else:
                temporary.unlink()
            flush(target, folders)
        return FileKey(str(place))

    def _write(self, place: Path, content: bytes) -> FileKey:
        temporary = self.new_temporary_file()
        try:
            with _translated(), temporary.open("xb") as file:
                file.write(content)
            return self._keep(temporary, place)
        finally:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)


def _put_back(aside: Path, path: Path) -> None:
    try:
        os.link(aside, path)
    except FileExistsError:
        return  # its equal stands there by now
    except OSError:
        aside.rename(path)  # the file system knows no links


@lru_cache(maxsize=64)
def _place(folder: str, key: InstanceKey, content_sha256: str) -> Path:
    study = check_uid(key.study_uid)
    name = check_uid(key.sop_instance_uid)
    check_uid(key.series_uid)
    # One level of 256 folders keeps every folder small with millions of studies.
    group = sha256(study.encode()).hexdigest()[:2]
    return Path(f"{folder}/{group}/{study}/{name}-{content_sha256[:16]}.dcm")


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        words = os.strerror(error.errno) if error.errno else "unknown"
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StorageFull(f"file store: {words}") from error
        raise ArchiveUnavailable(f"file store: {words}") from error
