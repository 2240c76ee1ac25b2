"""Deletes studies whose time is over, beside everything that runs; may be killed at any moment.

Rows go first, in one transaction with a list of their files; the files go after it, and leave the
list only when they are gone for good. So a file that a row names is never missing, and a file that
is left is on the list, which the next run works off before anything else.
"""

import time
from collections.abc import Callable
from datetime import datetime

from archive.database import Archive
from archive.retention_records import Candidate, Hold, RetentionDone, RetentionRule, StudySize

# Looked at, and their files deleted, at a time: a backup that waits for its turn waits no longer.
STUDIES_AT_ONCE = 20
FILES_AT_ONCE = 1000


def delete_finished(
    archive: Archive, rule: RetentionRule, *, rest: Callable[[float], None] = time.sleep
) -> RetentionDone:
    """Delete every study to which nothing happened for so long, and that nothing holds.

    Parameters
    ----------
    archive
        May be in use.
    rule
        What goes.
    rest
        Called with the seconds that each deletion took: a database with one writer is left to the
        others for as long, so that what arrives is not kept waiting.

    Raises
    ------
    FilesInUse
        Another run or a backup is under way; what was deleted until then is deleted.
    ArchiveUnavailable
        The archive does not answer; run it again.
    """
    done = RetentionDone()
    with archive.files.deleting():
        _work_off(archive)
    archive.repository.forget_told_patients()
    limit_at = archive.repository.retention_limit(rule)
    last: Candidate | None = None
    while page := _page_after(archive, rule, limit_at, last):
        with archive.files.deleting():
            for candidate in page:
                began = time.monotonic()
                _count(done, candidate, _deleted(archive, candidate, rule, limit_at))
                rest(time.monotonic() - began)
            _work_off(archive)
        last = page[-1]
    return done


def finished(archive: Archive, rule: RetentionRule) -> RetentionDone:
    """Return what `delete_finished` would delete now; changes nothing."""
    done = RetentionDone()
    limit_at = archive.repository.retention_limit(rule)
    last: Candidate | None = None
    while page := _page_after(archive, rule, limit_at, last):
        for candidate in page:
            is_held = candidate.hold is not None
            size = None if is_held else archive.repository.size_of_study(candidate.study_uid)
            _count(done, candidate, size)
        last = page[-1]
    return done


def _page_after(
    archive: Archive, rule: RetentionRule, limit_at: datetime, last: Candidate | None
) -> tuple[Candidate, ...]:
    return archive.repository.candidates(rule, limit_at, limit=STUDIES_AT_ONCE, after=last)


def _deleted(
    archive: Archive, candidate: Candidate, rule: RetentionRule, limit_at: datetime
) -> StudySize | None:
    if candidate.hold is not None:
        return None
    return archive.repository.delete_study(
        candidate.study_uid, rule, limit_at, stamp_of=archive.files.stamp_of
    )


def _count(done: RetentionDone, candidate: Candidate, size: StudySize | None) -> None:
    if size is None:
        hold = candidate.hold or Hold.CHANGED
        done.held[hold] = done.held.get(hold, 0) + 1
        return
    done.study_count += 1
    done.file_count += size.file_count
    done.byte_count += size.byte_count


def _work_off(archive: Archive) -> None:
    """Delete the files that are still to go, then forget them."""
    while files := archive.repository.files_to_delete(limit=FILES_AT_ONCE):
        archive.files.delete_unless_replaced(files)
        archive.repository.files_deleted(files)
