"""A process whose loop hangs ends by itself, so that its group can start it again."""

import importlib
import multiprocessing
import threading
from pathlib import Path

import pytest

from archive.database import Archive, open_archive
from config.settings import Settings
from tests.processes import free_port
from tests.web import web_settings

LOOPS = {
    "node": ("dicom_node.listener", "dicom_node.listener"),
    "sender": ("dicom_node.delivery", "dicom_node.delivery"),
    "api": ("api.app", "api.server"),
}
LONGEST_SECONDS = 2.0
WITHIN_SECONDS = 60
ENDED_BY_WATCHDOG = 1


def hang(part: str, settings: Settings) -> None:
    """Be a part whose loop stops as soon as it is ready."""
    room, loop = LOOPS[part]
    vars(importlib.import_module(loop))["LONGEST_ROUND_SECONDS"] = LONGEST_SECONDS
    run = importlib.import_module(room).run
    halt = threading.Event().wait
    run(settings, open_archive(settings.archive), threading.Event(), on_ready=halt)


@pytest.fixture
def settings(archive: Archive, tmp_path: Path) -> Settings:
    del archive  # makes the database
    return web_settings(
        archive={
            "root": tmp_path / "files",
            "database_url": f"sqlite:///{tmp_path / 'hilum.db'}",
        },
        node={"port": free_port(), "minimum_free_bytes": 0},
        api={"port": free_port()},
    )


@pytest.mark.parametrize("part", LOOPS)
def test_a_loop_that_hangs_ends_its_process(
    part: str, settings: Settings, capfd: pytest.CaptureFixture[str]
) -> None:
    process = multiprocessing.get_context("spawn").Process(target=hang, args=(part, settings))
    process.start()
    process.join(WITHIN_SECONDS)
    assert process.exitcode == ENDED_BY_WATCHDOG
    assert "in hang" in capfd.readouterr().err  # where it hung
