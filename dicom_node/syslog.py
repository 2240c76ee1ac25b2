"""Messages to a syslog server: RFC 5424 in TLS (RFC 5425), TCP (RFC 6587) or UDP (RFC 5426).

Syslog has no answers. Over TLS and TCP the nearest to one is the server's own end of the connection
after ours: it closes in order only once it has read everything, and a reset says that it has not.
The libraries that were found are handlers for Python's logging, which drop what they cannot send.
"""

import contextlib
import os
import socket
import ssl
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import IntEnum
from typing import TypeVar

from config.syslog import SyslogSettings
from dicom_node.errors import PeerUnavailable
from dicom_node.tls import client_context, reason_of

# RFC 5424 6.2.1: security and authorization messages, as PS3.15 A.6 wants it.
_FACILITY = 10
_APP_NAME = "hilum"
# PS3.15 A.6: for messages of this profile.
MESSAGE_ID = "DICOM+RFC3881"
# RFC 5424 6.4: before a message in UTF-8.
_BOM = b"\xef\xbb\xbf"
_LONGEST_HOST_NAME = 255
# A server that answers at all answers within this; a stop must not wait longer for one.
_LONGEST_CONNECT_SECONDS = 5.0
_PIECE_BYTES = 4096

_Result = TypeVar("_Result")


class Severity(IntEnum):
    """RFC 5424 table 2, as far as PS3.15 A.6 uses it."""

    WARNING = 4
    NOTICE = 5


@dataclass(frozen=True, kw_only=True)
class SyslogMessage:
    """One message to be sent."""

    number: int
    """1 to 2147483647, one more for each message: tells the server of repeats and gaps."""
    at: datetime
    severity: Severity
    content: bytes
    """UTF-8."""


def framed(message: SyslogMessage, host: str) -> bytes:
    """Return a message as RFC 5424 section 6 writes it."""
    priority = _FACILITY * 8 + message.severity
    at = message.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    name = "".join(one for one in host if "!" <= one <= "~")[:_LONGEST_HOST_NAME] or "-"
    # 7.3.1: sequenceId; PROCID has nothing to say of a message that another process may send.
    structured = f'[meta sequenceId="{message.number}"]'
    header = f"<{priority}>1 {at} {name} {_APP_NAME} - {MESSAGE_ID} {structured} "
    return header.encode("ascii") + _BOM + message.content


class SyslogServer:
    """The way to one server, used by one thread; `abort` may come from another.

    Parameters
    ----------
    settings
        Where it is.
    host
        What this machine is called.
    timeout_seconds
        For the connection and for silence.
    """

    def __init__(self, settings: SyslogSettings, *, host: str, timeout_seconds: float) -> None:
        self._settings = settings
        self._host = host
        self._timeout_seconds = timeout_seconds
        self._socket: socket.socket | None = None
        self._is_aborted = False

    def send(self, messages: Iterable[SyslogMessage]) -> None:
        """Send messages; on return the server has read them (over UDP: they have left).

        Raises
        ------
        PeerUnavailable
            It has not, or perhaps not all of them: they are to be sent again.
        """
        frames = [framed(message, self._host) for message in messages]
        send = self._send_datagrams if self._settings.transport == "udp" else self._send_stream
        try:
            send(frames)
        except TimeoutError:
            raise PeerUnavailable("no answer") from None
        except OSError as error:
            raise PeerUnavailable(reason_of(error)) from None
        finally:
            self._socket = None

    def abort(self) -> None:
        """Break the connection for good; a `send` that waits then ends."""
        self._is_aborted = True
        connection = self._socket
        if connection is not None:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _send_stream(self, frames: list[bytes]) -> None:
        """Send by octet counting (RFC 5425 4.3, RFC 6587 3.4.1) and await the server's end."""
        settings = self._settings
        context = client_context(settings.tls) if settings.transport == "tls" else None
        with self._connected() as connection:
            stream = (
                _PlainStream(connection)
                if context is None
                else _TlsStream(connection, context, settings.host)
            )
            for frame in frames:
                stream.send(b"%d %s" % (len(frame), frame))
            stream.end()

    def _connected(self) -> socket.socket:
        if self._is_aborted:
            raise PeerUnavailable("the sender is stopping")
        connect_seconds = min(self._timeout_seconds, _LONGEST_CONNECT_SECONDS)
        self._socket = socket.create_connection(
            (self._settings.host, self._settings.port), timeout=connect_seconds
        )
        self._socket.settimeout(self._timeout_seconds)
        return self._socket

    def _send_datagrams(self, frames: list[bytes]) -> None:
        family, _, _, _, address = socket.getaddrinfo(
            self._settings.host, self._settings.port, type=socket.SOCK_DGRAM
        )[0]
        with socket.socket(family, socket.SOCK_DGRAM) as connection:
            connection.connect(address)
            for frame in frames:
                connection.send(frame)
                # What is known of a port where nobody listens is known by the next call at most.
                if code := connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                    raise OSError(code, os.strerror(code))


class _PlainStream:
    """TCP; the server closes in order once it has read our end."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection

    def send(self, content: bytes) -> None:
        self._connection.sendall(content)

    def end(self) -> None:
        self._connection.shutdown(socket.SHUT_WR)
        while self._connection.recv(_PIECE_BYTES):
            pass


class _TlsStream:
    """TLS; the server says that it closes, as it must, once it has read that we do (RFC 5425 4.4).

    `SSLSocket.unwrap` would take an alert for that word: with TLS 1.3 a server refuses our
    certificate only after our side of the handshake is done.
    """

    def __init__(
        self, connection: socket.socket, context: ssl.SSLContext, server_name: str
    ) -> None:
        self._connection = connection
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=server_name)
        self._done(self._tls.do_handshake)

    def send(self, content: bytes) -> None:
        self._done(lambda: self._tls.write(content))

    def end(self) -> None:
        # Only says so: nothing that came is looked at yet.
        with contextlib.suppress(ssl.SSLWantReadError):
            self._tls.unwrap()
        with contextlib.suppress(ssl.SSLZeroReturnError):
            while self._done(self._tls.read):
                pass

    def _done(self, step: Callable[[], _Result]) -> _Result:
        """Return what a step of TLS gives, with what it needs from the server."""
        while True:
            try:
                return step()
            except ssl.SSLWantReadError:
                pass
            finally:
                self._connection.sendall(self._outgoing.read())
            received = self._connection.recv(_PIECE_BYTES)
            if not received:
                raise PeerUnavailable("the connection ended without a word")
            self._incoming.write(received)
