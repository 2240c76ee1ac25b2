"""The way to one server over HTTP, for every kind of destination that speaks it."""

import contextlib
import socket
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Container
from http import HTTPStatus
from pathlib import Path
from typing import Any

import httpx2

from config.destinations import ClientTlsSettings
from dicom_node.answers import Answer
from dicom_node.errors import PeerUnavailable
from dicom_node.statuses import DeliveryVerdict
from dicom_node.tls import client_context

# A server that answers at all answers within this; a stop must not wait longer for one.
_LONGEST_CONNECT_SECONDS = 5.0


class SecretFile(httpx2.Auth):
    """Signs requests with a secret that is read anew each time, so that it can be renewed.

    Parameters
    ----------
    file
        Holds the token, or the password.
    username
        Empty for a bearer token (RFC 6750), else for basic authentication (RFC 7617).
    """

    def __init__(self, file: Path, username: str) -> None:
        self._file = file
        self._username = username

    def auth_flow(self, request: httpx2.Request) -> Any:  # httpx's own generator
        """Add the secret to one request.

        Raises
        ------
        PeerUnavailable
            The secret cannot be read now.
        """
        try:
            secret = self._file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError):
            raise PeerUnavailable(f"the secret file {self._file} cannot be read") from None
        if self._username:
            yield from httpx2.BasicAuth(self._username, secret).auth_flow(request)
            return
        request.headers["Authorization"] = f"Bearer {secret}"
        yield request


class HttpLink(ABC):
    """A connection that is opened when needed and kept for the next request.

    Used by one thread, except for `abort`. Each kind of destination adds `send`, and what it asks
    to learn whether the server is there.

    Parameters
    ----------
    tls
        How we know the server, and how it knows us.
    auth
        What is added to each request, so that the server knows us.
    timeout_seconds
        For the connection and for silence within an answer.
    """

    def __init__(
        self,
        tls: ClientTlsSettings,
        *,
        auth: httpx2.Auth | None,
        timeout_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._tls = tls
        self._auth = auth
        self._timeout_seconds = timeout_seconds
        self._clock = clock
        self._used_at = clock()
        self._client: httpx2.Client | None = None
        self._stream: Any = None  # httpx's network stream
        self._is_aborted = False

    @abstractmethod
    def _knock(self) -> httpx2.Response:
        """Ask what changes nothing, of a server that is there and knows us."""

    def probe(self) -> float:
        """Ask whether the server is there and knows us; return the seconds that it took.

        Raises
        ------
        PeerUnavailable
            There was no answer, or it was not success.
        """
        began_at = self._clock()
        try:
            answer = self._knock()
        finally:
            self.close()
        if not answer.is_success:
            raise PeerUnavailable(in_words(answer))
        return self._clock() - began_at

    def ask(self, method: str, url: str, **request: Any) -> httpx2.Response:
        """Send one request and return the answer, whatever it says.

        Raises
        ------
        PeerUnavailable
            There was none.
        """
        if self._is_aborted:
            raise PeerUnavailable("the sender is stopping")
        try:
            answer = self._open().request(method, url, extensions={"trace": self._note}, **request)
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            # The texts of these errors name addresses and system errors, never what is sent.
            raise PeerUnavailable(f"no answer: {error or type(error).__name__}") from None
        self._used_at = self._clock()
        return answer

    def close(self) -> None:
        """Close the connection; the next request opens another."""
        client, self._client, self._stream = self._client, None, None
        if client is not None:
            client.close()

    def close_when_idle_for(self, seconds: float) -> None:
        """Close a connection that was not used for some seconds."""
        if self._client is not None and self._clock() - self._used_at >= seconds:
            self.close()

    def abort(self) -> None:
        """Break the connection for good; a `send` that waits for an answer then ends."""
        self._is_aborted = True
        stream = self._stream
        if stream is not None:
            with contextlib.suppress(OSError):
                stream.get_extra_info("socket").shutdown(socket.SHUT_RDWR)

    def _open(self) -> httpx2.Client:
        if self._client is None:
            connect_seconds = min(self._timeout_seconds, _LONGEST_CONNECT_SECONDS)
            self._client = httpx2.Client(
                auth=self._auth,
                verify=client_context(self._tls),
                timeout=httpx2.Timeout(self._timeout_seconds, connect=connect_seconds),
                # The environment is read in config/settings.py only.
                trust_env=False,
            )
        return self._client

    def _note(self, event: str, details: dict[str, Any]) -> None:
        """Keep the connection that was opened, for `abort`."""
        if event.endswith(("connect_tcp.complete", "start_tls.complete")):
            self._stream = details["return_value"]


def in_words(answer: httpx2.Response) -> str:
    """Say the status of an answer; its body may hold anything and is left out."""
    try:
        return f"HTTP {answer.status_code} {HTTPStatus(answer.status_code).phrase}"
    except ValueError:
        return f"HTTP {answer.status_code}"


def answer_of_failure(answer: httpx2.Response, refused: Container[int]) -> Answer:
    """Tell a failure of the object that was sent from one of the server.

    Parameters
    ----------
    refused
        Statuses that speak of the object: sending it again would change nothing.

    Raises
    ------
    PeerUnavailable
        Every other object would get this answer too.
    """
    if answer.status_code in refused:
        return Answer(verdict=DeliveryVerdict.REFUSED, reason=in_words(answer))
    if answer.status_code == HTTPStatus.INTERNAL_SERVER_ERROR:
        # Perhaps because of this very object: the others must not wait for it.
        return Answer(verdict=DeliveryVerdict.TRY_AGAIN, reason=in_words(answer))
    raise PeerUnavailable(in_words(answer))
