"""The parts of the node in shells of their own, and what readiness says while one is missing."""

from pathlib import Path

import httpx
import psutil
import pytest

from archive.records import StudyState, StudyUid
from tests.builders.radiographs import a_chest_file
from tests.processes import wait_until
from tests.serving import Serving, Site


@pytest.mark.peer("dcmtk")
def test_node_and_worker_in_two_shells_work_as_one_group(tmp_path: Path) -> None:
    site = Site(folder=tmp_path / "site")
    file, study = a_chest_file(tmp_path / "chest.dcm")
    with site.serving("node"), site.serving("worker"):
        assert site.store(file).returncode == 0
        archive = site.open_archive()
        wait_until(
            lambda: archive.repository.study(StudyUid(study)).study.state is StudyState.REPORTED,
            within_seconds=180,
            what="the report",
        )
        archive.repository.dispose()


def test_readiness_names_the_part_that_is_missing(tmp_path: Path) -> None:
    site = Site(folder=tmp_path / "site")
    with site.serving("api") as api, site.serving("node"), site.serving("sender"):
        # On a busy machine the beat of a part that works may be late; it is missing for a moment.
        wait_until(
            lambda: missing_parts(api) == ["worker"], within_seconds=60, what="only one missing"
        )
        assert api.ready_checks()[0] == httpx.codes.SERVICE_UNAVAILABLE
        with site.serving("worker"):
            wait_until(
                lambda: api.ready_checks()[0] == httpx.codes.OK,
                within_seconds=60,
                what="readiness of all parts",
            )


def missing_parts(serving: Serving) -> list[str]:
    _, answer = serving.ready_checks()
    return [name for name, check in answer["checks"].items() if not check["is_ok"]]


def test_the_group_says_ready_once_and_ends_cleanly(tmp_path: Path) -> None:
    site = Site(folder=tmp_path / "site")
    with site.serving() as serving:
        status, _ = serving.ready_checks()
        assert status == httpx.codes.OK
        children = serving.parts()
        assert len(children) == 4
    assert serving.process.returncode == 0
    assert not any(child.is_running() for child in children)


def test_the_parts_end_when_their_parent_is_killed(tmp_path: Path) -> None:
    site = Site(folder=tmp_path / "site")
    site.write_settings()
    serving = Serving.start(site)
    serving.wait_until_ready()
    children = serving.parts()
    serving.kill()
    wait_until(
        lambda: not any(is_at_work(child) for child in children),
        within_seconds=60,
        what="the end of the orphans",
    )


def is_at_work(process: psutil.Process) -> bool:
    """Tell whether a process runs; one that ended may wait for the machine to take note of it."""
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
