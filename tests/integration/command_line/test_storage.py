"""`hilum backup` beside a node that receives, what comes of it elsewhere, and `archive check`."""

import shutil
import subprocess
import threading
from pathlib import Path

import pytest

from archive.account_records import AuditAction
from archive.backing_up import back_up
from archive.database import Archive
from archive.files import sha256_of
from archive.stored_records import StoredFile
from dicom_node.send import send_files
from tests.builders.dicom_files import radiograph, written
from tests.builders.grey_scales import a_radiograph
from tests.integration.command_line.test_start_up import hilum
from tests.processes import wait_until
from tests.serving import Site
from tests.web import store_radiograph

ENOUGH = 20


def a_sender(site: Site, folder: Path, stop: threading.Event, taken: list[str]) -> threading.Thread:
    """Sends one object after the other until `stop`; `taken` grows with each that was taken."""
    folder.mkdir()

    def send() -> None:
        while not stop.is_set():
            study = f"1.2.826.0.1.3680043.8.498.9.{len(taken)}"
            files = [written(radiograph(StudyInstanceUID=study), folder) for _ in range(3)]
            answers = send_files(
                "127.0.0.1",
                site.dicom_port,
                files,
                called_ae_title="HILUM",
                calling_ae_title="STORESCU",
            )
            taken.extend(
                file.stem for file, one in zip(files, answers, strict=True) if not one.status
            )

    thread = threading.Thread(target=send)
    thread.start()
    return thread


def by_key(archive: Archive) -> dict[str, StoredFile]:
    return {one.file_key: one for one in archive.repository.stored_files()}


def restored(backup: Path, folder: Path) -> Site:
    """A site made of a backup alone, as docs/administrator.md says."""
    site = Site(folder=folder)
    site.write_settings()
    (database,) = backup.glob("*.db")
    shutil.copytree(backup / "files", folder / "files")
    shutil.copy(database, folder / "hilum.db")
    return site


def test_a_backup_made_while_objects_come_is_whole_elsewhere(tmp_path: Path) -> None:
    site = Site(folder=tmp_path / "site")
    backup = tmp_path / "backup"
    stop, taken = threading.Event(), list[str]()
    with site.serving("node"):
        sender = a_sender(site, tmp_path / "sent", stop, taken)
        try:
            wait_until(lambda: len(taken) >= ENOUGH, within_seconds=60, what="the first objects")
            before = list(taken)
            made = hilum("backup", backup, "--config", site.settings_file)
            wait_until(
                lambda: len(taken) >= len(before) + ENOUGH,
                within_seconds=60,
                what="objects after the backup",
            )
        finally:
            stop.set()
            sender.join(60)
    assert made.returncode == 0, made.stderr

    original, copy = site.open_archive(), restored(backup, tmp_path / "elsewhere")
    checked = hilum("archive", "check", "--config", copy.settings_file)
    assert checked.returncode == 0, checked.stdout
    assert "0 files that no row names" in checked.stdout
    there, here = by_key(copy.open_archive()), by_key(original)
    assert set(there.items()) <= set(here.items())
    assert len(before) <= len(there) < len(here)
    for uid in before:
        assert any(uid in key for key in there), "an object that was acknowledged is not there"
    for key in there:
        content = (copy.folder / "files" / key).read_bytes()
        assert sha256_of(content) == there[key].file_sha256
        assert content == original.files.path_of(there[key].file_key).read_bytes()
    studies = copy.open_archive().repository.studies(limit=500)[0]
    assert sum(one.instance_count for one in studies) == len(there)
    (line,) = original.repository.audit_events(limit=10, action=AuditAction.BACKUP)
    assert line.entry.details["file_count"] == len(there)


def test_a_second_backup_copies_only_what_is_new(any_archive: Archive, tmp_path: Path) -> None:
    folder = tmp_path / "backup"
    store_radiograph(any_archive, a_radiograph())
    first = back_up(any_archive, folder)
    store_radiograph(any_archive, a_radiograph())
    second = back_up(any_archive, folder)
    assert [(one.file_count, one.copied, one.faults) for one in (first, second)] == [
        (1, 1, ()),
        (2, 1, ()),
    ]
    is_one_file = any_archive.repository.is_one_file
    assert len(list(folder.glob("hilum-*.db"))) == (2 if is_one_file else 0)
    assert list(folder.rglob("*.part*")) == []


def test_hard_links_are_the_same_files(archive: Archive, tmp_path: Path) -> None:
    key = store_radiograph(archive, a_radiograph())
    assert back_up(archive, tmp_path / "backup", hard_links=True).copied == 1
    recorded = archive.repository.recorded_file(key.sop_instance_uid)
    assert recorded is not None
    assert (tmp_path / "backup" / "files" / recorded.file_key).samefile(
        archive.files.path_of(recorded.file_key)
    )


def test_what_cannot_be_copied_as_it_was_recorded_is_named_and_the_rest_is_there(
    tmp_path: Path,
) -> None:
    site = Site(folder=tmp_path / "site")
    site.write_settings()
    archive = site.open_archive()
    keys = [store_radiograph(archive, a_radiograph()) for _ in range(3)]
    files = [archive.repository.recorded_file(one.sop_instance_uid) for one in keys]
    missing, changed, good = [one.file_key for one in files if one is not None]
    archive.files.path_of(missing).unlink()
    path = archive.files.path_of(changed)
    path.write_bytes(path.read_bytes()[:-1] + b"?")

    made = hilum("backup", tmp_path / "backup", "--config", site.settings_file)
    assert made.returncode == 1
    assert f"not in the backup: {missing}: missing" in made.stderr
    assert f"not in the backup: {changed}: a stored file no longer has" in made.stderr
    assert (tmp_path / "backup" / "files" / good).exists()
    assert not (tmp_path / "backup" / "files" / changed).exists()

    checked = hilum("archive", "check", "--config", site.settings_file)
    assert checked.returncode == 1
    assert f"missing: {missing}" in checked.stdout
    assert f"altered: {changed}" in checked.stdout
    assert "3 files" in checked.stdout
    assert "2 faults" in checked.stdout


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    site = Site(folder=tmp_path / "site")
    site.write_settings()
    (tmp_path / "taken").write_text("a file")
    made = hilum("backup", tmp_path / "taken", "--config", site.settings_file)
    assert made.returncode == 1
    assert f"{tmp_path}/taken: File exists" in made.stderr


@pytest.mark.peer("dcmtk")
def test_a_file_that_was_kept_apart_is_compared_too(tmp_path: Path) -> None:
    site = Site(folder=tmp_path / "site")
    ds = radiograph()
    first = written(ds, tmp_path, "first.dcm")
    ds.PatientID = "SOMEBODY-ELSE"
    second = written(ds, tmp_path, "second.dcm")
    with site.serving("node"):
        for file in (first, second):
            subprocess.run(
                ["storescu", "-aec", "HILUM", "127.0.0.1", str(site.dicom_port), str(file)],
                check=False, capture_output=True, timeout=60,
            )  # fmt: skip
    files = site.open_archive().files
    (apart,) = files.list_keys("conflicts")
    checked = hilum("archive", "check", "--config", site.settings_file)
    assert checked.returncode == 0, checked.stdout
    path = files.path_of(apart)
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    assert f"altered: {apart}" in hilum("archive", "check", "--config", site.settings_file).stdout
