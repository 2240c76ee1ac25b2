"""Mutated captures of real associations, and noise, at the port: the node lives and serves on."""

import contextlib
import random
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.builders.dicom_files import radiograph, written
from tests.integration.dicom_node.conftest import Node, StartNode
from tests.integration.dicom_node.peers import incoming_is_empty
from tests.integration.dicom_node.test_receiving_associations import asked
from tests.processes import wait_until

SESSIONS = 120
SEED = 20260
MEMORY_SLACK_BYTES = 64 << 20


class Recorder:
    """Stands between a sender and the node and keeps what the sender says."""

    def __init__(self, port: int) -> None:
        self._node_port = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.said = bytearray()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        with (
            self._listener,
            self._listener.accept()[0] as sender,
            socket.create_connection(("127.0.0.1", self._node_port)) as node,
        ):
            back = threading.Thread(target=self._copy, args=(node, sender, None), daemon=True)
            back.start()
            self._copy(sender, node, self.said)
            back.join(5)

    @staticmethod
    def _copy(source: socket.socket, target: socket.socket, kept: bytearray | None) -> None:
        with contextlib.suppress(OSError):
            while content := source.recv(65536):
                if kept is not None:
                    kept += content
                target.sendall(content)
            target.shutdown(socket.SHUT_WR)


def captured(node: Node, path: Path) -> bytes:
    """The bytes of a whole association that stores one object."""
    recorder = Recorder(node.port)
    (answer,) = Node(port=recorder.port, archive=node.archive, settings=node.settings).send(path)
    assert answer.is_stored
    wait_until(lambda: recorder.said.endswith(RELEASE_RQ), within_seconds=5, what="the release")
    return bytes(recorder.said)


RELEASE_RQ = b"\x05\x00\x00\x00\x00\x04\x00\x00\x00\x00"  # PS3.8 9.3.6


def mutations(capture: bytes, chance: random.Random) -> Iterator[bytes]:
    """Endless variants: bytes changed, cut, repeated, exchanged, and plain noise."""
    while True:
        content = bytearray(capture)
        kind = chance.randrange(6)
        place = chance.randrange(len(content))
        if kind == 0:
            for _ in range(chance.randrange(1, 20)):
                content[chance.randrange(min(len(content), 3000))] = chance.randrange(256)
        elif kind == 1:
            del content[place:]
        elif kind == 2:
            del content[place : place + chance.randrange(1, 200)]
        elif kind == 3:
            content[place:place] = content[: chance.randrange(1, 500)]
        elif kind == 4:
            content = bytearray(chance.randbytes(chance.randrange(1, 4000)))
        else:
            # A right association, then noise inside a P-DATA-TF of the right length.
            noise = chance.randbytes(chance.randrange(6, 500))
            content = content[: _end_of_request(capture)]
            content += b"\x04\x00" + len(noise).to_bytes(4, "big") + noise
        yield bytes(content)


def _end_of_request(capture: bytes) -> int:
    return 6 + int.from_bytes(capture[2:6], "big")


def throw(node: Node, content: bytes) -> None:
    """Say something to the node as a stranger who does not wait for answers."""
    with (
        contextlib.suppress(OSError),
        socket.create_connection(("127.0.0.1", node.port), timeout=2) as connection,
    ):
        connection.sendall(content)
        connection.shutdown(socket.SHUT_WR)
        connection.settimeout(0.05)
        while connection.recv(65536):
            pass


@pytest.mark.timeout(240)
def test_mutated_associations_end_nothing_but_themselves(
    start_node: StartNode, tmp_path: Path
) -> None:
    node = start_node(accept_unknown_peers=True, network_timeout_seconds=3)
    capture = captured(node, written(radiograph(), tmp_path))
    chance = random.Random(SEED)  # noqa: S311  # a repeatable choice, no secret
    variants = mutations(capture, chance)
    process = psutil.Process()
    before = process.memory_info().rss
    for session in range(SESSIONS):
        throw(node, next(variants))
        if session % 40 == 0:
            good = written(radiograph(), tmp_path)
            assert node.send(good)[0].status == 0
            assert asked(node.port) > 0
    assert node.send(written(radiograph(), tmp_path))[0].status == 0
    assert process.memory_info().rss - before < MEMORY_SLACK_BYTES
    wait_until(
        lambda: incoming_is_empty(node.archive), within_seconds=15, what="an empty incoming folder"
    )
    wait_until(
        lambda: not [one for one in threading.enumerate() if "AcceptorThread@" in one.name],
        within_seconds=40,
        what="every association being gone",
    )
