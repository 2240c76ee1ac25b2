import queue
import socket
import time
from collections.abc import Iterator

import pytest
from pynetdicom import AE
from pynetdicom.association import Association

from dicom_node.transport import (
    LONGEST_OTHER_PDU_BYTES,
    PATIENCE_SECONDS,
    Doorbell,
    RingingQueue,
    WaitingSocket,
    tune_socket,
)


@pytest.fixture
def pair() -> Iterator[tuple[WaitingSocket, socket.socket, Doorbell]]:
    ours, theirs = socket.socketpair()
    ours.settimeout(5)
    bell = Doorbell()
    waiting = WaitingSocket(Association(AE(), "acceptor"), ours, longest_pdu_bytes=16384, bell=bell)
    yield waiting, theirs, bell
    for one in (ours, theirs, bell):
        one.close()


Pair = tuple[WaitingSocket, socket.socket, Doorbell]


def test_a_read_returns_exactly_what_was_asked_for(pair: Pair) -> None:
    waiting, theirs, _ = pair
    theirs.sendall(b"abcdef" * 1000)
    assert waiting.recv(4) == b"abcd"
    assert waiting.recv(5996) == (b"abcdef" * 1000)[4:]


def test_a_read_returns_less_when_the_peer_is_gone(pair: Pair) -> None:
    waiting, theirs, _ = pair
    theirs.sendall(b"abc")
    theirs.close()
    assert waiting.recv(6) == b"abc"


def test_a_pdu_that_claims_gigabytes_is_refused(pair: Pair) -> None:
    with pytest.raises(OSError, match="longer"):
        pair[0].recv(LONGEST_OTHER_PDU_BYTES + 1)


def test_a_silent_peer_ends_a_read(pair: Pair) -> None:
    waiting, theirs, _ = pair
    assert waiting.socket is not None
    waiting.socket.settimeout(0.01)
    theirs.sendall(b"abc")
    with pytest.raises(TimeoutError):
        waiting.recv(6)


def test_data_make_it_ready_at_once(pair: Pair) -> None:
    waiting, theirs, _ = pair
    theirs.sendall(b"a")
    assert waiting.ready


def test_a_peer_that_is_gone_makes_it_ready_to_read_the_end(pair: Pair) -> None:
    waiting, theirs, _ = pair
    theirs.close()
    assert waiting.ready
    assert waiting.recv(6) == b""


def test_an_event_that_is_not_yet_handled_is_not_kept_waiting(pair: Pair) -> None:
    waiting, _, _ = pair
    assert waiting.event_queue.queue[0] == "Evt5"
    began_at = time.monotonic()
    for _ in range(20):
        assert not waiting.ready
    assert time.monotonic() - began_at < 20 * PATIENCE_SECONDS


def test_without_data_it_waits_no_longer_than_its_patience(pair: Pair) -> None:
    pair[0].event_queue.get_nowait()
    began_at = time.monotonic()
    assert not pair[0].ready
    assert time.monotonic() - began_at >= PATIENCE_SECONDS * 0.9


def test_something_to_send_ends_the_wait_without_data(pair: Pair) -> None:
    waiting, _, bell = pair
    RingingQueue(bell.ring).put("a primitive")
    began_at = time.process_time()
    assert not waiting.ready
    assert time.process_time() - began_at < PATIENCE_SECONDS
    assert waiting.event_queue.get_nowait() == "Evt5"
    with pytest.raises(queue.Empty):
        waiting.event_queue.get_nowait()


def test_a_closed_socket_is_told_to_the_state_machine(pair: Pair) -> None:
    waiting, _, _ = pair
    assert waiting.socket is not None
    waiting.socket.close()
    assert not waiting.ready
    assert [waiting.event_queue.get_nowait() for _ in range(2)] == ["Evt5", "Evt17"]


def test_a_bell_may_be_rung_often_and_after_its_end() -> None:
    bell = Doorbell()
    for _ in range(100_000):
        bell.ring()
    bell.hush()
    bell.close()
    bell.close()
    bell.ring()


def test_a_tuned_socket_sends_at_once() -> None:
    with socket.socket() as connection:
        tune_socket(connection, timeout_seconds=7)
        assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert connection.gettimeout() == 7
