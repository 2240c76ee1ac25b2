"""Sockets of associations: tuned, bounded in time and PDU length, and waited on, not polled.

pynetdicom reads a socket in pieces of 4 KiB, waits for ever for the rest of a PDU, believes any
PDU length, and looks for something to do a thousand times a second, for every association and
twice. Here a read takes what there is, and whoever has nothing to do sleeps until data come or
something is put into one of its queues. P-DATA can be had as it is, past pynetdicom.
"""

import contextlib
import queue
import select
import socket
import ssl
import time
from collections.abc import Callable
from typing import Any

from pynetdicom.association import Association
from pynetdicom.transport import AssociationSocket

from dicom_node.pdata import P_DATA_TF, PDU_HEADER
from dicom_node.read_ahead import ReadAhead

# PDUs other than P-DATA have no negotiated limit; an A-ASSOCIATE-RQ with 128 contexts and every
# transfer syntax in each stays far below this.
LONGEST_OTHER_PDU_BYTES = 1 << 20
# The length field of a P-DATA-TF PDU counts the headers of its values, the announced maximum
# does too (PS3.8 D.1), but some senders announce and count without (6 bytes per value).
_PDU_SLACK_BYTES = 64
# How long to sleep without a reason to wake: bounds how late timers and a stop are noticed.
PATIENCE_SECONDS = 0.05
_NOT_CONNECTED_SECONDS = 0.001
_QUICK_ACK: int | None = getattr(socket, "TCP_QUICKACK", None)  # Linux has it
# What came while an object was made durable is taken in few reads, a small image in one.
_PDUS_READ_AHEAD = 4


def tune_socket(connection: socket.socket, *, timeout_seconds: float) -> None:
    """Send small PDUs at once, notice dead peers, and wait for nothing for ever."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    connection.settimeout(timeout_seconds)


def tune_association(association: Association, *, timeout_seconds: float) -> None:
    """Tune the connection of an association that is open."""
    transport = association.dul.socket
    if transport is not None and transport.socket is not None:
        tune_socket(transport.socket, timeout_seconds=timeout_seconds)


def acknowledge_at_once(association: Association) -> None:
    """Acknowledge what the peer sends next as it comes; to be repeated whenever we have sent.

    A peer that leaves Nagle's algorithm on (RFC 1122 4.2.3.4), as Orthanc and dcmtk's programs do
    unless TCP_NODELAY is in their environment, writes what is short in two pieces and sends the
    second when the first is acknowledged. Linux puts that off for up to 40 ms, hoping to send
    something with it.
    """
    transport = association.dul.socket
    if _QUICK_ACK is not None and transport is not None and transport.socket is not None:
        with contextlib.suppress(OSError):  # closed meanwhile
            transport.socket.setsockopt(socket.IPPROTO_TCP, _QUICK_ACK, 1)


def drop_connection(association: Association) -> None:
    """End a connection on which no association stands; its thread would outlive the process."""
    association.dul.kill_dul()
    transport = association.dul.socket
    if transport is not None and transport.socket is not None:
        with contextlib.suppress(OSError):
            transport.socket.shutdown(socket.SHUT_RDWR)


class Doorbell:
    """Wakes a thread that waits on a socket; may be rung from any thread, and after its end."""

    def __init__(self) -> None:
        self._inside, self._outside = socket.socketpair()
        self._inside.setblocking(False)
        self._outside.setblocking(False)

    def fileno(self) -> int:
        """Return what `select.poll` waits on."""
        return self._inside.fileno()

    def ring(self) -> None:
        """Wake who waits; ringing twice is ringing once."""
        # Full means rung already, closed means that nobody waits any more.
        with contextlib.suppress(OSError):
            self._outside.send(b"!")

    def hush(self) -> None:
        """Forget that it was rung."""
        with contextlib.suppress(OSError):
            while self._inside.recv(64):
                pass

    def close(self) -> None:
        """Give back the sockets; safe to repeat."""
        self._inside.close()
        self._outside.close()


class RingingQueue(queue.Queue[Any]):  # holds whatever pynetdicom's queues hold
    """A queue that tells somebody whenever something was put into it."""

    def __init__(self, ring: Callable[[], None]) -> None:
        super().__init__()
        self._ring = ring

    def put(self, item: object, block: bool = True, timeout: float | None = None) -> None:
        """Put `item` in and tell."""
        super().put(item, block, timeout)
        self._ring()


class WaitingSocket(AssociationSocket):
    """The transport of an accepted association.

    Parameters
    ----------
    association
        Which association; its state machine hears of the connection from here (Evt5).
    connection
        A tuned socket.
    longest_pdu_bytes
        A peer that announces a longer PDU loses the connection.
    bell
        Rung when there is something to send.
    """

    def __init__(
        self,
        association: Association,
        connection: socket.socket,
        *,
        longest_pdu_bytes: int,
        bell: Doorbell,
    ) -> None:
        super().__init__(association, client_socket=connection)
        self._longest = max(longest_pdu_bytes + _PDU_SLACK_BYTES, LONGEST_OTHER_PDU_BYTES)
        self._bell = bell
        self._ahead = ReadAhead(connection.recv_into, _PDUS_READ_AHEAD * longest_pdu_bytes)
        # poll, not select: a busy host has more than 1024 files open.
        self._poll = select.poll()
        self._poll.register(connection, select.POLLIN)
        self._poll.register(bell, select.POLLIN)

    @property
    def ready(self) -> bool:
        """Wait a little for data; False when there are none, or something else is to be done."""
        connection = self.socket
        if connection is None or not self._is_connected:
            time.sleep(_NOT_CONNECTED_SECONDS)
            return False
        if self._ahead.byte_count:
            return True
        if isinstance(connection, ssl.SSLSocket) and connection.pending():
            return True
        descriptor = connection.fileno()
        if descriptor < 0:
            self.event_queue.put("Evt17")  # PS3.8 table 9-10: connection closed
            return False
        # pynetdicom asks before it looks at its events: none of them shall wait for the peer.
        patience_seconds = PATIENCE_SECONDS if self.event_queue.empty() else 0.0
        happened = dict(self._poll.poll(patience_seconds * 1000))
        if self._bell.fileno() in happened:
            self._bell.hush()
        return descriptor in happened

    def recv(self, nr_bytes: int) -> bytearray:
        """Return that many bytes, or fewer when the peer closed the connection.

        Raises
        ------
        OSError
            Nothing came for the socket's time-out, or the number is beyond the limit.
        """
        self._check(nr_bytes)
        is_there = self._ahead.wait_for(nr_bytes)
        return bytearray(self._ahead.take(nr_bytes if is_there else self._ahead.byte_count))

    def receive_data(self) -> memoryview | None:
        """Return the body of the P-DATA-TF PDU that comes next; None where another PDU does.

        It is good until the next call.

        Raises
        ------
        OSError
            As `recv` does, or the connection ended.
        """
        self._wait_for(PDU_HEADER.size)
        pdu_type, length = PDU_HEADER.unpack(self._ahead.peek(PDU_HEADER.size))
        if pdu_type != P_DATA_TF:
            return None
        self._check(length)
        self._wait_for(PDU_HEADER.size + length)
        return self._ahead.take(PDU_HEADER.size + length)[PDU_HEADER.size :]

    def _wait_for(self, count: int) -> None:
        if not self._ahead.wait_for(count):
            raise ConnectionResetError("the peer closed the connection")

    def _check(self, count: int) -> None:
        if count > self._longest:
            raise OSError("a PDU longer than was negotiated")
