"""A study that ends every worker that looks at it takes no other study with it."""

import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

from archive.database import Archive, open_archive
from archive.files import FileStore
from archive.records import FileKey, Refusal, StudyState, StudyUid
from config.settings import Settings, load_settings
from inference.worker import run
from tests.builders.bundles import write_bundle
from tests.builders.radiographs import radiograph
from tests.builders.studies import queue_everything, receive
from tests.processes import wait_until

STUDIES = 8
WITHIN_SECONDS = 120


class Deadly(FileStore):
    """Ends the process that reads a file of one study, as a crash in a decoder would."""

    def __init__(self, root: Path, study_uid: StudyUid) -> None:
        super().__init__(root)
        self._study_uid = study_uid

    def read(self, file_key: FileKey, *, sha256: str | None = None) -> bytes:
        if self._study_uid in file_key:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().read(file_key, sha256=sha256)


def work(settings: Settings, deadly: StudyUid) -> None:
    """Be a worker process until the study ends it or somebody else does."""
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    repository = open_archive(settings.archive).repository
    files = Deadly(settings.archive.root, deadly)
    run(settings, Archive(repository=repository, files=files), stop)


@contextlib.contextmanager
def a_worker(settings: Settings, deadly: StudyUid) -> Iterator[BaseProcess]:
    """A worker process for the time of a `with` block."""
    worker = multiprocessing.get_context("spawn").Process(target=work, args=(settings, deadly))
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
        "worker": {"batch_size": 3, "lease_seconds": 1},
    }
    return defaults.model_copy(
        update={
            section: getattr(defaults, section).model_copy(update=change)
            for section, change in changes.items()
        }
    )


@pytest.mark.timeout(2 * WITHIN_SECONDS)
def test_a_study_that_ends_its_workers_ends_nothing_else(
    archive: Archive, settings: Settings
) -> None:
    studies = [receive(archive, radiograph()) for _ in range(STUDIES)]
    queue_everything(archive)
    deadly = studies[1]

    def states() -> dict[StudyUid, StudyState]:
        return {one: archive.repository.study(one).study.state for one in studies}

    def all_have_outcomes() -> bool:
        return {StudyState.QUEUED, StudyState.ANALYSING}.isdisjoint(states().values())

    ended = 0
    while not all_have_outcomes():
        with a_worker(settings, deadly) as worker:
            wait_until(
                lambda: all_have_outcomes() or not worker.is_alive(),
                within_seconds=WITHIN_SECONDS,
            )
        ended += worker.exitcode == -signal.SIGKILL
    assert ended == settings.worker.maximum_attempts
    assert states() == {
        one: StudyState.FAILED if one == deadly else StudyState.REPORTED for one in studies
    }
    assert archive.repository.study(deadly).study.refusal is Refusal.PROCESSING_FAILED
