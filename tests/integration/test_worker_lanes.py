"""A worker looks at one batch while it writes the reports of another."""

import contextlib
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from archive.database import Archive
from archive.errors import LeaseLost
from archive.files import FileStore
from archive.records import ClaimedStudy, FileKey, InstanceKey, StudyState, StudyUid
from config.settings import Settings, load_settings
from inference.worker import run
from tests.builders.bundles import write_bundle
from tests.builders.radiographs import radiograph
from tests.builders.studies import queue_everything, receive
from tests.processes import wait_until

WITHIN_SECONDS = 30


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """One study at a time in each lane."""
    defaults = load_settings()
    return defaults.model_copy(
        update={
            "model": defaults.model.model_copy(
                update={"bundle": str(write_bundle(tmp_path / "bundle"))}
            ),
            "worker": defaults.worker.model_copy(update={"batch_size": 1}),
        }
    )


@contextlib.contextmanager
def a_worker(settings: Settings, archive: Archive) -> Iterator[None]:
    """A worker in a thread for the time of a `with` block."""
    stop = threading.Event()
    worker = threading.Thread(target=run, args=(settings, archive, stop))
    worker.start()
    try:
        yield
    finally:
        stop.set()
        worker.join(WITHIN_SECONDS)
    assert not worker.is_alive()


def wait_until_reported(archive: Archive, studies: Sequence[StudyUid]) -> None:
    wait_until(
        lambda: all(
            archive.repository.study(one).study.state is StudyState.REPORTED for one in studies
        ),
        within_seconds=2 * WITHIN_SECONDS,
        what="reports of all studies",
    )


class Meeting(FileStore):
    """Writes no report before reports of two studies are being written."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.both = threading.Barrier(2, timeout=WITHIN_SECONDS)
        self._met = set[str]()

    def write_report(
        self, key: InstanceKey, content: bytes, *, file_sha256: str | None = None
    ) -> FileKey:
        if key.study_uid not in self._met:
            self._met.add(key.study_uid)
            self.both.wait()
        return super().write_report(key, content, file_sha256=file_sha256)


def test_two_studies_are_under_way_at_once(
    archive: Archive, settings: Settings, tmp_path: Path
) -> None:
    studies = [receive(archive, radiograph()) for _ in range(2)]
    queue_everything(archive)
    files = Meeting(tmp_path / "files")
    with a_worker(settings, Archive(repository=archive.repository, files=files)):
        wait_until_reported(archive, studies)
    assert not files.both.broken


def test_a_lane_that_breaks_ends_the_worker(
    archive: Archive, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The group starts it again; a worker with one lane left would look well."""

    def broken(*_arguments: object, **_keywords: object) -> None:
        raise RuntimeError("a defect")

    monkeypatch.setattr(archive.repository, "claim_predictions", broken)
    with pytest.raises(RuntimeError, match="a defect"):
        run(settings, archive, threading.Event())


class Halting(FileStore):
    """Stops each lane at its first report until it is told to go on."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.go_on: dict[str, threading.Event] = {}

    def write_report(
        self, key: InstanceKey, content: bytes, *, file_sha256: str | None = None
    ) -> FileKey:
        lane = threading.current_thread().name
        if lane not in self.go_on:
            self.go_on[lane] = threading.Event()
            assert self.go_on[lane].wait(WITHIN_SECONDS)
        return super().write_report(key, content, file_sha256=file_sha256)


def test_a_lane_loses_a_study_that_got_a_late_image_to_the_other(
    archive: Archive, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The result of the first lane lacks that image and must not stand."""
    first = radiograph()
    late = radiograph(StudyInstanceUID=first.StudyInstanceUID)
    receive(archive, first)
    queue_everything(archive)
    files = Halting(tmp_path / "files")
    ends: list[tuple[int, str]] = []
    finish = archive.repository.finish_study

    def finish_noted(claim: ClaimedStudy, *arguments: Any, **keywords: Any) -> None:
        try:
            finish(claim, *arguments, **keywords)
        except LeaseLost:
            ends.append((len(claim.instances), "lost"))
            raise
        ends.append((len(claim.instances), "finished"))

    monkeypatch.setattr(archive.repository, "finish_study", finish_noted)
    with a_worker(settings, Archive(repository=archive.repository, files=files)):
        wait_until(lambda: len(files.go_on) == 1, within_seconds=WITHIN_SECONDS)
        (ahead,) = files.go_on
        receive(archive, late)
        queue_everything(archive)
        wait_until(lambda: len(files.go_on) == 2, within_seconds=WITHIN_SECONDS)
        (behind,) = files.go_on.keys() - {ahead}
        files.go_on[ahead].set()
        wait_until(lambda: len(ends) == 1, within_seconds=WITHIN_SECONDS)
        files.go_on[behind].set()
        wait_until(lambda: len(ends) == 2, within_seconds=WITHIN_SECONDS)
    assert ends == [(1, "lost"), (2, "finished")]


class Watching(FileStore):
    """Notes which studies are being written at the same time."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self._lock = threading.Lock()
        self._under_way = set[str]()
        self.together: list[frozenset[str]] = []

    def read(self, file_key: FileKey, *, sha256: str | None = None) -> bytes:
        study_uid = file_key.split("/")[2]
        with self._lock:
            self._under_way.add(study_uid)
            self.together.append(frozenset(self._under_way))
        return super().read(file_key, sha256=sha256)

    def leave(self, study_uid: str) -> None:
        with self._lock:
            self._under_way.discard(study_uid)


def test_a_study_that_was_tried_before_is_looked_at_with_nothing_beside_it(
    archive: Archive, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    studies = [receive(archive, radiograph()) for _ in range(6)]
    queue_everything(archive)
    tried = {
        one.study_uid
        for one in archive.repository.claim_studies(
            "ended", limit=2, lease_seconds=0, maximum_attempts=3
        )
    }
    files = Watching(tmp_path / "files")
    finish = archive.repository.finish_study

    def finish_noted(claim: ClaimedStudy, *arguments: Any, **keywords: Any) -> None:
        files.leave(claim.study_uid)
        finish(claim, *arguments, **keywords)

    monkeypatch.setattr(archive.repository, "finish_study", finish_noted)
    with a_worker(settings, Archive(repository=archive.repository, files=files)):
        wait_until_reported(archive, studies)
    beside_tried = [together for together in files.together if together & tried]
    assert sorted(beside_tried, key=sorted) == sorted(
        (frozenset({one}) for one in tried), key=sorted
    )
    assert max(len(together) for together in files.together) == 2  # the others do run beside
