"""Guards what `upper_layer` relies on of pynetdicom, and its own rules."""

import inspect
import socket
from collections.abc import Iterator
from io import BytesIO

import pytest
from pynetdicom import AE, dimse, dimse_messages, transport
from pynetdicom.association import Association

from dicom_node.upper_layer import LONGEST_OTHER_PDU_BYTES, PduReader, tune_socket


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    yield ours, theirs
    ours.close()
    theirs.close()


def test_a_reader_returns_exactly_what_was_asked_for(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    ours, theirs = pair
    theirs.sendall(b"abcdef" * 1000)
    read = PduReader(ours, longest_pdu_bytes=16384)
    assert read(4) == b"abcd"
    assert read(5996) == (b"abcdef" * 1000)[4:]


def test_a_reader_returns_less_when_the_peer_is_gone(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    ours, theirs = pair
    theirs.sendall(b"abc")
    theirs.close()
    assert PduReader(ours, longest_pdu_bytes=16384)(6) == b"abc"


def test_a_reader_refuses_a_pdu_that_claims_gigabytes(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    with pytest.raises(OSError, match="longer"):
        PduReader(pair[0], longest_pdu_bytes=16384)(LONGEST_OTHER_PDU_BYTES + 1)


def test_a_silent_peer_ends_a_read(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    ours.settimeout(0.01)
    theirs.sendall(b"abc")
    with pytest.raises(TimeoutError):
        PduReader(ours, longest_pdu_bytes=16384)(6)


def test_a_tuned_socket_sends_at_once() -> None:
    with socket.socket() as connection:
        tune_socket(connection, timeout_seconds=7)
        assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert connection.gettimeout() == 7


def test_pynetdicom_still_has_what_is_replaced_in_it() -> None:
    association = Association(AE(), "acceptor")
    assert isinstance(association.dimse, dimse.DIMSEServiceProvider)
    assert association.dul.socket is None
    assert callable(transport.AssociationSocket.recv)
    assert callable(transport.RequestHandler._create_association)
    assert isinstance(dimse_messages.DIMSEMessage().data_set, BytesIO)


def test_pynetdicom_still_makes_a_message_only_where_there_is_none() -> None:
    source = inspect.getsource(dimse.DIMSEServiceProvider.receive_primitive)
    assert "if self.message is None" in source
