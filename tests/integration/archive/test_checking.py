"""Rows against files: whatever is done to a file is found, and nothing else is."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from archive.checking import ArchiveCheck
from archive.database import Archive
from archive.records import FileKey
from archive.stored_records import Damage
from tests.builders.grey_scales import a_radiograph
from tests.builders.reports_to_send import a_study_with_reports
from tests.web import store_radiograph

HOURS_AGO = 3 * 3600


def looked_at(archive: Archive, *, with_digests: bool = True) -> ArchiveCheck:
    return ArchiveCheck(archive, with_digests=with_digests)


def a_file(archive: Archive) -> FileKey:
    """A received image that is recorded with its length and digest."""
    key = store_radiograph(archive, a_radiograph())
    recorded = archive.repository.recorded_file(key.sop_instance_uid)
    assert recorded is not None
    return recorded.file_key


def flipped(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def shortened(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def lengthened(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\0")


@pytest.mark.parametrize(
    ("harm", "damage"),
    [
        (Path.unlink, Damage.MISSING),
        (shortened, Damage.TRUNCATED),
        (lengthened, Damage.ALTERED),
        (flipped, Damage.ALTERED),
    ],
)
def test_each_damage_is_told_with_its_file(
    any_archive: Archive, harm: Callable[[Path], None], damage: Damage
) -> None:
    file_key = a_file(any_archive)
    assert list(looked_at(any_archive).damaged()) == []
    harm(any_archive.files.path_of(file_key))
    (found,) = looked_at(any_archive).damaged()
    assert (found.file_key, found.damage) == (file_key, damage)


def test_a_changed_bit_is_found_by_digest_only(archive: Archive) -> None:
    flipped(archive.files.path_of(a_file(archive)))
    assert list(looked_at(archive, with_digests=False).damaged()) == []
    assert len(list(looked_at(archive).damaged())) == 1


def test_our_own_reports_are_looked_at_too(archive: Archive) -> None:
    [report] = a_study_with_reports(archive, reports=1)
    check = looked_at(archive)
    known = {one.file_key for one in check.damaged()}
    assert report.file_key not in known
    archive.files.path_of(report.file_key).unlink()
    assert report.file_key in {one.file_key for one in looked_at(archive).damaged()}


def test_files_that_no_row_names_are_told_once_they_are_old(archive: Archive) -> None:
    recorded = archive.files.path_of(a_file(archive))
    stray = recorded.with_name("1.2.3-0123456789abcdef.dcm")
    stray.write_bytes(b"stray")
    check = looked_at(archive)
    list(check.damaged())
    assert list(check.orphans()) == []
    for path in (stray, recorded):
        os.utime(path, (path.stat().st_atime, path.stat().st_mtime - HOURS_AGO))
    assert [archive.files.path_of(one) for one in check.orphans()] == [stray]
    assert check.file_count == 1
