"""Compares the rows of an archive with its files; changes nothing and may run beside everything."""

import time
from collections.abc import Iterator
from pathlib import Path

from archive.database import Archive
from archive.errors import ArchiveUnavailable, FileMissing
from archive.files import CONFLICTS, INCOMING, RECEIVED, REPORTS
from archive.records import FileKey
from archive.stored_records import Damage, Damaged, StoredFile

# A file is durable before its row is; what is younger than this may still get one.
_ROW_FOLLOWS_WITHIN_SECONDS = 3600.0
# PS3.10 7.1: behind preamble and prefix stands how long the File Meta Information is.
_GROUP_LENGTH_AT, _META_FROM = 140, 144


class ArchiveCheck:
    """One look at a whole archive.

    Parameters
    ----------
    archive
        What is looked at.
    with_digests
        Whether every file is read and hashed; else only its length is compared.
    """

    def __init__(self, archive: Archive, *, with_digests: bool) -> None:
        self._archive = archive
        self._with_digests = with_digests
        self._named: set[FileKey] = set()
        self.byte_count = 0

    @property
    def file_count(self) -> int:
        """How many files rows name, as far as was looked."""
        return len(self._named)

    def damaged(self) -> Iterator[Damaged]:
        """Yield every file that is not as its row says.

        Raises
        ------
        ArchiveUnavailable
            The database does not answer.
        """
        for stored in self._archive.repository.stored_files():
            if stored.file_key in self._named:
                continue
            self._named.add(stored.file_key)
            damage = self._damage_of(stored)
            if damage is not None:
                yield Damaged(file_key=stored.file_key, damage=damage)

    def orphans(self) -> Iterator[FileKey]:
        """Yield the files that no row names; to be asked after `damaged` was read to its end."""
        oldest = time.time() - _ROW_FOLLOWS_WITHIN_SECONDS
        # Rows name them as such until they are gone.
        to_go = self._archive.repository.files_to_delete(limit=None)
        known = self._named | {one.file_key for one in to_go}
        for folder in (RECEIVED, CONFLICTS, REPORTS, INCOMING):
            for file_key in self._archive.files.list_keys(folder):
                if file_key not in known and self._is_older(file_key, oldest):
                    yield file_key

    def _is_older(self, file_key: FileKey, than: float) -> bool:
        try:
            return self._archive.files.path_of(file_key).stat().st_mtime < than
        except OSError:
            return False  # it went meanwhile

    def _damage_of(self, stored: StoredFile) -> Damage | None:
        try:
            path = self._archive.files.path_of(stored.file_key)
            byte_count = path.stat().st_size
            self.byte_count += byte_count
            if stored.byte_count not in (None, byte_count):
                is_short = byte_count < (stored.byte_count or 0)
                return Damage.TRUNCATED if is_short else Damage.ALTERED
            return Damage.ALTERED if self._with_digests and self._is_altered(stored, path) else None
        except (FileMissing, FileNotFoundError):
            return Damage.MISSING
        except (ArchiveUnavailable, OSError):
            return Damage.UNREADABLE

    def _is_altered(self, stored: StoredFile, path: Path) -> bool:
        files = self._archive.files
        if stored.file_sha256 is not None:
            return files.sha256_behind(stored.file_key, 0) != stored.file_sha256
        if stored.data_set_sha256 is not None:
            offset = _data_set_offset(path)
            return files.sha256_behind(stored.file_key, offset) != stored.data_set_sha256
        return False


def _data_set_offset(path: Path) -> int:
    """Return where the data set of a DICOM file begins (PS3.10 7.1)."""
    with path.open("rb") as file:
        file.seek(_GROUP_LENGTH_AT)
        length = file.read(_META_FROM - _GROUP_LENGTH_AT)
    return _META_FROM + int.from_bytes(length, "little")
