import errno
import os
from pathlib import Path

import pytest

from archive.errors import FileDamaged, FileMissing, UidInvalid
from archive.files import FileStore, check_uid, sha256_of
from archive.records import FileKey, InstanceKey, SeriesUid, SopInstanceUid, StudyUid


def a_key(study: str = "1.2.3", instance: str = "1.2.3.4.5") -> InstanceKey:
    return InstanceKey(
        study_uid=StudyUid(study),
        series_uid=SeriesUid("1.2.3.4"),
        sop_instance_uid=SopInstanceUid(instance),
    )


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    return FileStore(tmp_path / "files")


def test_a_kept_file_has_the_same_bytes_and_the_temporary_one_is_gone(store: FileStore) -> None:
    temporary = store.new_temporary_file()
    temporary.write_bytes(b"radiograph")
    key = store.keep_received(temporary, a_key(), file_sha256="ab" * 32)
    assert store.read(key, sha256=sha256_of(b"radiograph")) == b"radiograph"
    assert not temporary.exists()


def test_the_store_knows_what_stands_at_a_received_files_place(store: FileStore) -> None:
    digest = sha256_of(b"radiograph")
    assert not store.has_received(a_key(), file_sha256=digest)
    temporary = store.new_temporary_file()
    temporary.write_bytes(b"radiograph")
    store.keep_received(temporary, a_key(), file_sha256=digest)
    assert store.has_received(a_key(), file_sha256=digest)
    assert not store.has_received(a_key(), file_sha256=sha256_of(b"another"))


def test_a_digest_may_leave_the_beginning_out(store: FileStore) -> None:
    key = store.write_report(a_key(), b"radiograph")
    assert store.sha256_behind(key, 5) == sha256_of(b"graph")
    with pytest.raises(FileMissing):
        store.sha256_behind(FileKey("reports/00/none.dcm"), 5)


def test_what_a_crash_left_half_written_at_a_place_is_replaced(store: FileStore) -> None:
    for content in (b"radio", b"radiograph"):
        temporary = store.new_temporary_file()
        temporary.write_bytes(content)
        key = store.keep_received(temporary, a_key(), file_sha256="ab" * 32)
        assert store.read(key) == content
        assert not temporary.exists()


def test_a_file_system_without_links_will_do(
    store: FileStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    temporary = store.new_temporary_file()
    temporary.write_bytes(b"radiograph")
    key = store.keep_received(temporary, a_key(), file_sha256="ab" * 32)
    assert store.read(key) == b"radiograph"
    assert not temporary.exists()


@pytest.mark.parametrize("uid", ["../../etc/passwd", "", "1..2", "1.02", "1.2\n", "a.b", "1" * 65])
def test_a_uid_that_is_none_never_becomes_a_path(store: FileStore, uid: str) -> None:
    temporary = store.new_temporary_file()
    temporary.write_bytes(b"x")
    for key in (a_key(study=uid), a_key(instance=uid)):
        with pytest.raises(UidInvalid):
            store.keep_received(temporary, key, file_sha256="ab" * 32)
    assert not any(store.list_keys("received"))


@pytest.mark.parametrize("uid", ["0", "1.2.840.10008.1.1", "2.25.0", "1" * 64])
def test_a_uid_of_the_standard_passes(uid: str) -> None:
    assert check_uid(uid) == uid


def test_another_object_under_the_same_uid_does_not_replace_the_first(store: FileStore) -> None:
    keys = []
    for content in (b"first", b"second"):
        temporary = store.new_temporary_file()
        temporary.write_bytes(content)
        keys.append(store.keep_received(temporary, a_key(), file_sha256=sha256_of(content)))
    assert [store.read(key) for key in keys] == [b"first", b"second"]


def test_a_damaged_file_is_not_read(store: FileStore) -> None:
    key = store.write_report(a_key(), b"report")
    store.path_of(key).write_bytes(b"Report")
    with pytest.raises(FileDamaged):
        store.read(key, sha256=sha256_of(b"report"))


def test_a_missing_file_is_named_missing(store: FileStore) -> None:
    with pytest.raises(FileMissing):
        store.read(FileKey("reports/00/none.dcm"))


def test_a_key_cannot_lead_out_of_the_store(store: FileStore) -> None:
    with pytest.raises(FileMissing):
        store.path_of(FileKey("../hilum.db"))


def test_a_worker_that_lost_its_lease_cannot_overwrite_the_report_of_the_next(
    store: FileStore,
) -> None:
    recorded = store.write_report(a_key(), b"by the worker that holds the study")
    store.write_report(a_key(), b"by the worker that went silent and came back")
    digest = sha256_of(b"by the worker that holds the study")
    assert store.read(recorded, sha256=digest) == b"by the worker that holds the study"


def test_writing_the_same_report_again_leaves_one_file(store: FileStore) -> None:
    first = store.write_report(a_key(), b"report")
    assert store.write_report(a_key(), b"report") == first
    assert not any(store.list_keys("incoming"))
