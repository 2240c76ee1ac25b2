"""Tells whether files that somebody else renews, such as certificates, have changed."""

from collections.abc import Sequence
from pathlib import Path

_Fingerprint = tuple[int, int, int]
_ABSENT: _Fingerprint = (0, 0, 0)


class WatchedFiles:
    """Files as they were when they were last looked at; one that is missing is no error.

    Parameters
    ----------
    files
        Which; looked at now.
    """

    def __init__(self, files: Sequence[Path]) -> None:
        self._files = tuple(files)
        self._seen = self._look()

    def have_changed(self) -> bool:
        """Whether one is another than at the last look."""
        before, self._seen = self._seen, self._look()
        return self._seen != before

    def _look(self) -> tuple[_Fingerprint, ...]:
        return tuple(_fingerprint(file) for file in self._files)


def _fingerprint(file: Path) -> _Fingerprint:
    try:
        found = file.stat()
    except OSError:
        return _ABSENT
    return found.st_ino, found.st_mtime_ns, found.st_size
