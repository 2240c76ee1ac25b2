"""Success is said only when bytes and row are durable; nothing partial is left behind."""

import contextlib
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from archive.database import Archive
from archive.errors import ArchiveUnavailable, NotFound, StorageFull
from archive.files import FileStore
from archive.records import Arrival, Recorded
from archive.repository import Repository
from dicom_node.listener import Listener
from dicom_node.statuses import StoreStatus
from tests.builders.dicom_files import radiograph, written
from tests.integration.dicom_node.conftest import Node, StartNode, node_settings
from tests.integration.dicom_node.peers import associated, incoming_is_empty, send_half
from tests.processes import wait_until


class Dying(Repository):
    """A database that dies when the row is written."""

    is_dead = True

    def record_instance(self, arrival: Arrival) -> Recorded:
        if self.is_dead:
            raise ArchiveUnavailable("database: gone")
        return super().record_instance(arrival)


def test_success_is_never_said_before_the_row_is_durable(
    start_node: StartNode, archive: Archive, tmp_path: Path
) -> None:
    dying = Dying(archive.repository._engine)
    node = start_node(Archive(repository=dying, files=archive.files))
    path = written(radiograph(), tmp_path)
    (answer,) = node.send(path)
    assert answer.status == StoreStatus.PROCESSING_FAILURE
    with pytest.raises(NotFound):
        node.study()
    dying.is_dead = False
    (answer,) = node.send(path)
    assert answer.status == 0
    assert len(node.study().instances) == 1


class Failing(FileStore):
    """A file store whose rename fails, or that has little room."""

    error: Exception | None = None
    free: int | None = None

    def keep_received(self, *arguments: object, **keywords: object) -> object:  # type: ignore[override]
        if self.error is not None:
            raise self.error
        return super().keep_received(*arguments, **keywords)  # type: ignore[arg-type]

    def free_bytes(self) -> int:
        return super().free_bytes() if self.free is None else self.free


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (StorageFull("file store: full"), StoreStatus.OUT_OF_RESOURCES),
        (ArchiveUnavailable("file store: read-only"), StoreStatus.PROCESSING_FAILURE),
        (RuntimeError("a defect that quotes Test^Drawn"), StoreStatus.PROCESSING_FAILURE),
    ],
)
def test_success_is_never_said_before_the_bytes_are_durable(
    start_node: StartNode,
    archive: Archive,
    tmp_path: Path,
    error: Exception,
    status: StoreStatus,
    capfd: pytest.CaptureFixture[str],
) -> None:
    files = Failing(tmp_path / "files")
    files.error = error
    node = start_node(Archive(repository=archive.repository, files=files))
    path = written(radiograph(), tmp_path)
    (answer,) = node.send(path)
    assert answer.status == status
    with pytest.raises(NotFound):
        node.study()
    files.error = None
    assert node.send(path)[0].status == 0
    assert incoming_is_empty(archive)
    shown = capfd.readouterr()
    assert "Drawn" not in shown.out + shown.err


def test_without_room_objects_are_refused_until_there_is_some(
    start_node: StartNode, archive: Archive, tmp_path: Path
) -> None:
    files = Failing(tmp_path / "files")
    node = start_node(
        Archive(repository=archive.repository, files=files), minimum_free_bytes=1 << 20
    )
    files.free = 1000
    path = written(radiograph(), tmp_path)
    (answer,) = node.send(path)
    assert answer.status == StoreStatus.OUT_OF_RESOURCES
    assert incoming_is_empty(archive)
    wait_until(
        lambda: "no room left" in archive.repository.beats()[0].detail,
        within_seconds=5,
        what="the node saying that it has no room",
    )
    files.free = None
    assert node.send(path)[0].status == 0
    wait_until(
        lambda: archive.repository.beats()[0].detail == "",
        within_seconds=5,
        what="the node saying that it has room",
    )


def test_an_object_that_is_aborted_half_way_leaves_nothing(node: Node) -> None:
    association = associated(node)
    send_half(association, radiograph(rows=1600, columns=1600))
    wait_for_half(node)
    association.abort()
    wait_until(
        lambda: incoming_is_empty(node.archive), within_seconds=5, what="an empty incoming folder"
    )
    with pytest.raises(NotFound):
        node.study()


def test_a_connection_cut_half_way_leaves_nothing(node: Node) -> None:
    association = associated(node)
    send_half(association, radiograph(rows=1600, columns=1600))
    wait_for_half(node)
    transport = association.dul.socket
    assert transport is not None
    assert transport.socket is not None
    transport.socket.shutdown(socket.SHUT_RDWR)
    wait_until(
        lambda: incoming_is_empty(node.archive), within_seconds=5, what="an empty incoming folder"
    )


def wait_for_half(node: Node) -> None:
    wait_until(
        lambda: not incoming_is_empty(node.archive),
        within_seconds=5,
        what="the first half on its way in",
    )


def test_a_stop_waits_for_the_object_that_is_being_received(
    start_node: StartNode, archive: Archive, tmp_path: Path
) -> None:
    """A slow store is in the middle of an object when the stop comes."""
    entered, go_on = threading.Event(), threading.Event()

    class Slow(FileStore):
        def keep_received(self, *arguments: object, **keywords: object) -> object:  # type: ignore[override]
            entered.set()
            assert go_on.wait(10)
            return super().keep_received(*arguments, **keywords)  # type: ignore[arg-type]

    slow = Archive(repository=archive.repository, files=Slow(tmp_path / "files"))
    settings = node_settings()
    listener = Listener(settings, slow)
    node = Node(port=listener.port, archive=slow, settings=settings)
    path = written(radiograph(), tmp_path)
    with ThreadPoolExecutor(2) as pool:
        sending = pool.submit(node.send, path)
        assert entered.wait(10)
        closing = pool.submit(listener.close)
        wait_until(
            lambda: not _is_open(settings.node.port), within_seconds=5, what="the port being closed"
        )
        assert not closing.done()
        go_on.set()
        (answer,) = sending.result(10)
        closing.result(10)
    assert answer.status == 0
    assert len(node.study().instances) == 1


def _is_open(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False
