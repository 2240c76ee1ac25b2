"""Sends reports as HL7 v2 messages in MLLP blocks (HL7 MLLP release 1), one answer for each."""

import contextlib
import socket
import time
from collections.abc import Callable

from config.destinations import Hl7v2Destination
from dicom_node.answers import Answer, Consignment
from dicom_node.errors import PeerUnavailable
from dicom_node.hl7v2 import CODECS, acknowledgement_in, control_id, oru_r01
from dicom_node.report_content import read_report
from dicom_node.statuses import DeliveryVerdict
from dicom_node.tls import client_context

_START, _END = b"\x0b", b"\x1c\x0d"
# A receiver that answers at all answers within this; a stop must not wait longer for one.
_LONGEST_CONNECT_SECONDS = 5.0
# No acknowledgement is longer; more is not one.
_LONGEST_ANSWER_BYTES = 1 << 20
_PIECE_BYTES = 65536
_TAKEN = frozenset({"AA", "CA"})  # table 0008
_REFUSED = frozenset({"AE", "AR", "CE", "CR"})
# Table 0357, as far as receivers use it; their own texts may name the patient and are not kept.
_ERRORS = {
    "100": "segment sequence error",
    "101": "required field missing",
    "102": "data type error",
    "103": "table value not found",
    "200": "unsupported message type",
    "201": "unsupported event code",
    "202": "unsupported processing id",
    "203": "unsupported version id",
    "204": "unknown key identifier",
    "205": "duplicate key identifier",
    "206": "application record locked",
    "207": "application internal error",
}


class MllpLink:
    """A kept connection to one receiver of HL7 v2 messages.

    Parameters
    ----------
    destination
        Where it is and how messages to it are written.
    timeout_seconds
        For the connection and for an answer.
    """

    def __init__(
        self,
        destination: Hl7v2Destination,
        *,
        timeout_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._destination = destination
        self._timeout_seconds = timeout_seconds
        self._clock = clock
        self._used_at = clock()
        self._connection: socket.socket | None = None
        self._is_aborted = False

    def send(self, consignment: Consignment) -> Answer:
        """Send one report as a message; a repeat bears the same control ID.

        Raises
        ------
        PeerUnavailable
            There was no answer to this message.
        ReportUnreadable
            The report cannot be written as a message for this receiver.
        """
        report = read_report(consignment.content)
        message = oru_r01(report, self._destination)
        was_kept = self._connection is not None
        try:
            answer = self._ask(message)
        except PeerUnavailable:
            if not was_kept or self._is_aborted:
                raise
            # Receivers close a kept connection when they like: that says nothing.
            answer = self._ask(message)
        return self._read_answer(answer, control_id(report))

    def probe(self) -> float:
        """Open a connection and return the seconds that it took; HL7 v2 has no echo.

        Raises
        ------
        PeerUnavailable
            Nobody takes the connection.
        """
        began_at = self._clock()
        try:
            self._open()
        finally:
            self.close()
        return self._clock() - began_at

    def close(self) -> None:
        """Close the connection; the next message opens another."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def close_when_idle_for(self, seconds: float) -> None:
        """Close a connection that was not used for some seconds."""
        if self._connection is not None and self._clock() - self._used_at >= seconds:
            self.close()

    def abort(self) -> None:
        """Break the connection for good; a `send` that waits for an answer then ends."""
        self._is_aborted = True
        connection = self._connection
        if connection is not None:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _ask(self, message: bytes) -> bytes:
        try:
            connection = self._open()
            connection.sendall(_START + message + _END)
            answer = self._receive(connection)
        except OSError as error:
            self.close()
            raise PeerUnavailable(f"no answer: {error.strerror or type(error).__name__}") from None
        except PeerUnavailable:
            self.close()
            raise
        self._used_at = self._clock()
        return answer

    def _open(self) -> socket.socket:
        if self._is_aborted:
            raise PeerUnavailable("the sender is stopping")
        if self._connection is not None:
            return self._connection
        there = (self._destination.host, self._destination.port)
        try:
            connection = socket.create_connection(
                there, min(self._timeout_seconds, _LONGEST_CONNECT_SECONDS)
            )
            if self._destination.tls is not None:
                context = client_context(self._destination.tls)
                connection = context.wrap_socket(connection, server_hostname=self._destination.host)
        except OSError as error:
            words = error.strerror or type(error).__name__
            raise PeerUnavailable(f"no connection: {words}") from None
        connection.settimeout(self._timeout_seconds)
        self._connection = connection
        return connection

    def _receive(self, connection: socket.socket) -> bytes:
        received = b""
        while _END not in received:
            piece = connection.recv(_PIECE_BYTES)
            if not piece:
                raise PeerUnavailable("the receiver closed the connection without an answer")
            received += piece
            if len(received) > _LONGEST_ANSWER_BYTES:
                raise PeerUnavailable("what came is no acknowledgement")
        return received.partition(_END)[0].lstrip(_START)

    def _read_answer(self, answer: bytes, control: str) -> Answer:
        try:
            code, about, error_code = acknowledgement_in(
                answer, CODECS[self._destination.character_set]
            )
        except ValueError:
            code, about, error_code = "", "", ""
        if about != control or code not in _TAKEN | _REFUSED:
            # Whatever else comes on this connection belongs to something else, too.
            self.close()
            raise PeerUnavailable("what came is no acknowledgement of this message")
        if code in _TAKEN:
            return Answer(verdict=DeliveryVerdict.DELIVERED)
        words = f"{code} {_ERRORS.get(error_code, '')}".strip()
        return Answer(verdict=DeliveryVerdict.REFUSED, reason=f"acknowledged with {words}")
