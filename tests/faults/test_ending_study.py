"""A study that ends or halts every worker that looks at it takes no other study with it."""

import contextlib
import multiprocessing
import os
import re
import signal
import threading
from collections.abc import Callable, Iterator
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

from archive.database import Archive, open_archive
from archive.files import FileStore
from archive.records import FileKey, Refusal, StudyState, StudyUid
from config.settings import Settings, load_settings
from inference.deadline import EXIT_STATUS
from inference.worker import run
from tests.builders.bundles import write_bundle
from tests.builders.radiographs import radiograph
from tests.builders.studies import queue_everything, receive
from tests.processes import wait_until

STUDIES = 8
WITHIN_SECONDS = 120
LONGEST_SECONDS = 6


def crash() -> None:
    """End the process, as a decoder that leaves its memory does."""
    os.kill(os.getpid(), signal.SIGKILL)


def halt() -> None:
    """Never return, as a decoder that loops."""
    threading.Event().wait()


def halt_all() -> None:
    """Never return, nor let another thread run: a match that takes longer than the earth is old."""
    re.match("(a+)+$", "a" * 64 + "b")


class Deadly(FileStore):
    """Does something terrible wherever a file of one study is read."""

    def __init__(self, root: Path, study_uid: StudyUid, act: Callable[[], None]) -> None:
        super().__init__(root)
        self._study_uid = study_uid
        self._act = act

    def read(self, file_key: FileKey, *, sha256: str | None = None) -> bytes:
        if self._study_uid in file_key:
            self._act()
        return super().read(file_key, sha256=sha256)


def work(settings: Settings, deadly: StudyUid, act: Callable[[], None]) -> None:
    """Be a worker process until the study ends it or somebody else does."""
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    repository = open_archive(settings.archive).repository
    files = Deadly(settings.archive.root, deadly, act)
    run(settings, Archive(repository=repository, files=files), stop)


@contextlib.contextmanager
def a_worker(
    settings: Settings, deadly: StudyUid, act: Callable[[], None]
) -> Iterator[BaseProcess]:
    """A worker process for the time of a `with` block."""
    worker = multiprocessing.get_context("spawn").Process(target=work, args=(settings, deadly, act))
    worker.start()
    try:
        yield worker
    finally:
        worker.terminate()
        worker.join()


@pytest.fixture
def settings(archive: Archive, tmp_path: Path) -> Settings:
    """Short leases: what an ended worker held is taken up within the test."""
    del archive  # makes the database
    defaults = load_settings()
    changes: dict[str, dict[str, object]] = {
        "archive": {
            "root": tmp_path / "files",
            "database_url": f"sqlite:///{tmp_path / 'hilum.db'}",
        },
        "model": {"bundle": str(write_bundle(tmp_path / "bundle"))},
        "worker": {
            "batch_size": 3,
            "lease_seconds": 1,
            "maximum_attempts": 2,
            "longest_work_seconds": LONGEST_SECONDS,
        },
    }
    return defaults.model_copy(
        update={
            section: getattr(defaults, section).model_copy(update=change)
            for section, change in changes.items()
        }
    )


@pytest.mark.timeout(2 * WITHIN_SECONDS)
@pytest.mark.parametrize(
    ("act", "status"),
    [(crash, -signal.SIGKILL), (halt, EXIT_STATUS), (halt_all, EXIT_STATUS)],
    ids=["crash", "halt", "halt all"],
)
def test_a_study_that_ends_its_workers_ends_nothing_else(
    archive: Archive, settings: Settings, act: Callable[[], None], status: int
) -> None:
    studies = [receive(archive, radiograph()) for _ in range(STUDIES)]
    queue_everything(archive)
    deadly = studies[1]

    def states() -> dict[StudyUid, StudyState]:
        return {one: archive.repository.study(one).study.state for one in studies}

    def all_have_outcomes() -> bool:
        return {StudyState.QUEUED, StudyState.ANALYSING}.isdisjoint(states().values())

    ends = []
    while not all_have_outcomes():
        with a_worker(settings, deadly, act) as worker:
            wait_until(
                lambda: all_have_outcomes() or not worker.is_alive(),
                within_seconds=WITHIN_SECONDS,
            )
        if not all_have_outcomes():
            ends.append(worker.exitcode)
    assert ends == [status] * settings.worker.maximum_attempts
    assert states() == {
        one: StudyState.FAILED if one == deadly else StudyState.REPORTED for one in studies
    }
    assert archive.repository.study(deadly).study.refusal is Refusal.PROCESSING_FAILED
