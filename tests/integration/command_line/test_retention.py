"""`hilum retention run` as an administrator types it: what it says, and killed at any moment."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from archive.account_records import AuditAction
from archive.database import Archive
from tests.builders.finished import a_finished_study, let_days_pass
from tests.integration.command_line.test_start_up import CONFIGURATION_ERROR, ROOT, hilum
from tests.serving import Site

STUDIES = 3
# Ends itself, as a power cut would, before it changes a file for the so many-th time.
KILLED = """
import os, signal, sys
left = int(sys.argv.pop(1))
def count(event, arguments):
    global left
    if event in ("os.rename", "os.remove", "os.rmdir") and "hilum.db" not in str(arguments[0]):
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
import hilum
sys.addaudithook(count)
hilum.main()
"""


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """A site that deletes what is older than a week, with studies of ten days ago."""
    site = Site(folder=tmp_path / "site", sections={"archive": {"retention_days": 7}})
    site.write_settings()
    archive = site.open_archive()
    for number in range(STUDIES):
        a_finished_study(archive, number, patient_name="Marked^Person")
    let_days_pass(archive, 10)
    archive.repository.dispose()
    return site


def counted(archive: Archive) -> tuple[int, int]:
    """Studies that are here, and that were deleted."""
    lines = archive.repository.audit_events(limit=99, action=AuditAction.STUDY_DELETED)
    return len(archive.repository.studies(limit=99)[0]), len(lines)


def test_a_run_says_what_goes_and_what_stays_and_names_nobody(site: Site) -> None:
    archive = site.open_archive()
    kept = a_finished_study(archive, 50)
    waits = archive.repository.studies(limit=99)[0][-1]
    [delivery] = archive.repository.study(waits.study_uid).deliveries
    archive.repository.replay_deliveries([delivery.delivery_id])
    config = ("--config", site.settings_file)

    tried = hilum("retention", "run", "--dry-run", *config)
    assert f"{STUDIES - 1}  studies would go: 4 files" in tried.stdout
    assert counted(archive) == (STUDIES + 1, 0)
    ran = hilum("retention", "run", *config)

    assert (ran.returncode, ran.stderr) == (0, "")
    assert f"{STUDIES - 1}  studies deleted: 4 files" in ran.stdout
    assert "1  studies stay: an object waits to be sent" in ran.stdout
    assert "Marked" not in tried.stdout + ran.stdout
    assert counted(archive) == (2, STUDIES - 1)
    assert archive.repository.study(kept.study_uid)
    checked = hilum("archive", "check", *config)
    assert checked.returncode == 0, checked.stdout
    gone = archive.repository.audit_events(limit=1, action=AuditAction.STUDY_DELETED)[0].entry
    shown = hilum("jobs", "show", gone.study_uid, *config)
    assert "is no longer here" in shown.stdout
    assert "its time was over: 1 images" in shown.stdout


def test_without_a_limit_everything_is_kept(site: Site) -> None:
    site.sections["archive"]["retention_days"] = 0
    site.write_settings()
    ran = hilum("retention", "run", "--config", site.settings_file)
    assert (ran.returncode, "everything is kept" in ran.stdout) == (0, True)
    assert counted(site.open_archive()) == (STUDIES, 0)
    refused = hilum("retention", "run", "--older-than", "0", "--config", site.settings_file)
    assert refused.returncode == CONFIGURATION_ERROR
    assert counted(site.open_archive()) == (STUDIES, 0)


def test_a_run_that_is_killed_leaves_nothing_broken_and_the_next_goes_on(site: Site) -> None:
    archive = site.open_archive()
    found = set()
    for changes in (0, 1, 2, 3):
        killed = subprocess.run(
            [sys.executable, "-c", KILLED, str(changes), "retention", "run",
             "--config", site.settings_file],
            cwd=ROOT, capture_output=True, check=False, timeout=120,
        )  # fmt: skip
        assert killed.returncode == -signal.SIGKILL, killed.stderr
        checked = hilum("archive", "check", "--config", site.settings_file)
        assert checked.returncode == 0, checked.stdout
        assert "0 files that no row names" in checked.stdout
        found.add(archive.repository.files_to_delete_count())
    assert found != {0}
    ran = hilum("retention", "run", "--config", site.settings_file)
    assert ran.returncode == 0, ran.stderr
    assert counted(archive) == (0, STUDIES)
    assert archive.repository.files_to_delete_count() == 0
    assert [one for one in (site.folder / "files").rglob("*") if one.is_file()] == []
