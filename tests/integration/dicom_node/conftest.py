"""A node of our own on a free port, and what to send to it."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from archive.database import Archive
from archive.records import StudyDetail, StudyUid
from config.settings import PeerSettings, Settings, load_settings
from dicom_node import listener
from dicom_node.send import FileAnswer, send_files
from tests.builders.dicom_files import STUDY_UID
from tests.processes import free_port

# What dcmtk's programs call themselves, and what the tests do.
KNOWN_TITLES = ("STORESCU", "ECHOSCU", "DCMSEND", "TESTSCU")


@dataclass(frozen=True, kw_only=True)
class Node:
    """A running node."""

    port: int
    archive: Archive
    settings: Settings

    def send(self, *paths: Path) -> list[FileAnswer]:
        """Send files from here, bytes unchanged."""
        return list(
            send_files(
                "127.0.0.1",
                self.port,
                paths,
                called_ae_title="HILUM",
                calling_ae_title="TESTSCU",
            )
        )

    def study(self, study_uid: str = STUDY_UID) -> StudyDetail:
        return self.archive.repository.study(StudyUid(study_uid))

    def data_set_of(self, sop_instance_uid: str, study_uid: str = STUDY_UID) -> bytes:
        """The stored bytes behind preamble and file meta."""
        (instance,) = [
            one
            for one in self.study(study_uid).instances
            if one.key.sop_instance_uid == sop_instance_uid
        ]
        return data_set_bytes(
            self.archive.files.read(instance.file_key, sha256=instance.file_sha256)
        )


def data_set_bytes(file: bytes) -> bytes:
    """What follows preamble, prefix and File Meta Information (PS3.10 7.1)."""
    length = int.from_bytes(file[140:144], "little")
    return file[144 + length :]


def node_settings(**node: Any) -> Settings:
    """Settings with a free port; keywords replace those of the section `node`."""
    settings = load_settings()
    changed = {"port": free_port(), "minimum_free_bytes": 0, "quiet_period_seconds": 0.3, **node}
    return settings.model_copy(
        update={
            "node": settings.node.model_copy(update=changed),
            "peers": tuple(PeerSettings(ae_title=t, host="127.0.0.1") for t in KNOWN_TITLES),
        }
    )


@contextlib.contextmanager
def running_node(settings: Settings, archive: Archive) -> Iterator[Node]:
    """A node for the time of a block; fails when it does not stop."""
    stop, ready = threading.Event(), threading.Event()
    thread = threading.Thread(
        target=listener.run, args=(settings, archive, stop, ready.set), daemon=True
    )
    thread.start()
    assert ready.wait(10), "the node did not listen"
    try:
        yield Node(port=settings.node.port, archive=archive, settings=settings)
    finally:
        stop.set()
        thread.join(12)
        assert not thread.is_alive(), "the node did not stop"


StartNode = Callable[..., Node]


@pytest.fixture
def start_node(archive: Archive) -> Iterator[StartNode]:
    """Starts nodes on the test's archive, or on another one; keywords as `node_settings`."""
    with contextlib.ExitStack() as stack:

        def start(other: Archive | None = None, **node: Any) -> Node:
            settings = node_settings(**node)
            return stack.enter_context(running_node(settings, other or archive))

        yield start


@pytest.fixture
def node(start_node: StartNode) -> Node:
    """A node with defaults."""
    return start_node()
