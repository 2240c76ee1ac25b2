"""STOW-RS: sends one object per request to a DICOMweb server (PS3.18 10.5)."""

import contextlib
import json
import socket
import time
import uuid
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from typing import Any

import httpx2

from config.destinations import StowDestination
from dicom_node.answers import Answer, Consignment, answer_of
from dicom_node.errors import PeerUnavailable
from dicom_node.statuses import DeliveryVerdict, StoreStatus
from dicom_node.tls import client_context

# A server that answers at all answers within this; a stop must not wait longer for one.
_LONGEST_CONNECT_SECONDS = 5.0
# PS3.18 table 10.5.3-1: these tell of every instance by itself.
TELLS_OF_INSTANCES = (HTTPStatus.OK, HTTPStatus.ACCEPTED, HTTPStatus.CONFLICT)
# The request itself is refused: sending it again would change nothing.
REFUSED = frozenset(
    {
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.NOT_ACCEPTABLE,
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        HTTPStatus.UNPROCESSABLE_ENTITY,
    }
)
# Attributes of the store response (PS3.18 table I.2-1), as DICOM JSON names them.
_REFERENCED_SOP_SEQUENCE = "00081199"
_FAILED_SOP_SEQUENCE = "00081198"
_REFERENCED_SOP_INSTANCE_UID = "00081155"
_WARNING_REASON = "00081196"
_FAILURE_REASON = "00081197"

Item = dict[str, Any]  # DICOM JSON of one sequence item (PS3.18 F.2)


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


class StowLink:
    """A kept connection to one DICOMweb server.

    Parameters
    ----------
    destination
        Where it is and how it knows us.
    timeout_seconds
        For the connection and for silence within an answer.
    """

    def __init__(
        self,
        destination: StowDestination,
        *,
        timeout_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._destination = destination
        self._url = destination.url.rstrip("/")
        self._timeout_seconds = timeout_seconds
        self._clock = clock
        self._used_at = clock()
        self._client: httpx2.Client | None = None
        self._connection: Any = None  # httpx's network stream
        self._is_aborted = False

    def send(self, consignment: Consignment) -> Answer:
        """Send one object; sending again is harmless.

        Raises
        ------
        PeerUnavailable
            There was no answer, or one that does not speak of this object.
        """
        boundary = uuid.uuid4().hex
        answer = self._ask(
            "POST",
            "/studies",
            content=_multipart(consignment.content, boundary),
            headers={
                "Accept": "application/dicom+json",
                "Content-Type": f'multipart/related; type="application/dicom"; boundary={boundary}',
            },
        )
        return _read_answer(answer, consignment.claim.sop_instance_uid)

    def probe(self) -> float:
        """Search for one study (QIDO-RS, PS3.18 10.6) and return the seconds that it took.

        Raises
        ------
        PeerUnavailable
            There was no answer, or it was not success.
        """
        began_at = self._clock()
        try:
            answer = self._ask(
                "GET",
                "/studies",
                params={"limit": "1"},
                headers={"Accept": "application/dicom+json"},
            )
        finally:
            self.close()
        if not answer.is_success:
            raise PeerUnavailable(_in_words(answer))
        return self._clock() - began_at

    def close(self) -> None:
        """Close the connection; the next object opens another."""
        client, self._client, self._connection = self._client, None, None
        if client is not None:
            client.close()

    def close_when_idle_for(self, seconds: float) -> None:
        """Close a connection that was not used for some seconds."""
        if self._client is not None and self._clock() - self._used_at >= seconds:
            self.close()

    def abort(self) -> None:
        """Break the connection for good; a `send` that waits for an answer then ends."""
        self._is_aborted = True
        stream = self._connection
        if stream is not None:
            with contextlib.suppress(OSError):
                stream.get_extra_info("socket").shutdown(socket.SHUT_RDWR)

    def _ask(self, method: str, path: str, **request: Any) -> httpx2.Response:
        if self._is_aborted:
            raise PeerUnavailable("the sender is stopping")
        try:
            answer = self._open().request(
                method, f"{self._url}{path}", extensions={"trace": self._note}, **request
            )
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            # The texts of these errors name addresses and system errors, never what is sent.
            raise PeerUnavailable(f"no answer: {error or type(error).__name__}") from None
        self._used_at = self._clock()
        return answer

    def _open(self) -> httpx2.Client:
        if self._client is None:
            connect_seconds = min(self._timeout_seconds, _LONGEST_CONNECT_SECONDS)
            self._client = httpx2.Client(
                auth=_auth(self._destination),
                verify=client_context(self._destination.tls),
                timeout=httpx2.Timeout(self._timeout_seconds, connect=connect_seconds),
                # The environment is read in config/settings.py only.
                trust_env=False,
            )
        return self._client

    def _note(self, event: str, details: dict[str, Any]) -> None:
        """Keep the connection that was opened, for `abort`."""
        if event.endswith(("connect_tcp.complete", "start_tls.complete")):
            self._connection = details["return_value"]


def _auth(destination: StowDestination) -> httpx2.Auth | None:
    file = destination.bearer_token_file or destination.password_file
    return None if file is None else SecretFile(file, destination.username)


def _multipart(content: bytes, boundary: str) -> bytes:
    """Return one part (PS3.18 8.6.1.2, RFC 2387)."""
    head = f"--{boundary}\r\nContent-Type: application/dicom\r\n\r\n".encode()
    return b"".join((head, content, f"\r\n--{boundary}--\r\n".encode()))


def _read_answer(answer: httpx2.Response, sop_instance_uid: str) -> Answer:
    if answer.status_code in TELLS_OF_INSTANCES:
        return _answer_about(answer, sop_instance_uid)
    if answer.status_code in REFUSED:
        return Answer(verdict=DeliveryVerdict.REFUSED, reason=_in_words(answer))
    if answer.status_code == HTTPStatus.INTERNAL_SERVER_ERROR:
        # Perhaps because of this very object: the others must not wait for it.
        return Answer(verdict=DeliveryVerdict.TRY_AGAIN, reason=_in_words(answer))
    raise PeerUnavailable(_in_words(answer))


def _answer_about(answer: httpx2.Response, sop_instance_uid: str) -> Answer:
    """Return what the server says of one instance; silence never counts as stored."""
    body = _body(answer)
    for item in _items(body, _FAILED_SOP_SEQUENCE):
        if _first(item, _REFERENCED_SOP_INSTANCE_UID) == sop_instance_uid:
            reason = _first(item, _FAILURE_REASON)
            # A failure without a reason, or with that of success, stays a failure.
            return answer_of((isinstance(reason, int) and reason) or StoreStatus.PROCESSING_FAILURE)
    for item in _items(body, _REFERENCED_SOP_SEQUENCE):
        if _first(item, _REFERENCED_SOP_INSTANCE_UID) == sop_instance_uid:
            warning = _first(item, _WARNING_REASON)
            return answer_of(warning if isinstance(warning, int) else StoreStatus.SUCCESS)
    return Answer(
        verdict=DeliveryVerdict.TRY_AGAIN,
        reason=f"{_in_words(answer)}, but not a word about the object",
    )


def _body(answer: httpx2.Response) -> Item:
    try:
        body = json.loads(answer.content)
    except ValueError:
        return {}
    # Some servers wrap the response in a list, as other DICOM JSON is.
    if isinstance(body, list) and body:
        body = body[0]
    return body if isinstance(body, dict) else {}


def _items(body: Item, tag: str) -> list[Item]:
    values = body.get(tag, {})
    found = values.get("Value") if isinstance(values, dict) else None
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _first(item: Item, tag: str) -> object:
    values = item.get(tag, {})
    found = values.get("Value") if isinstance(values, dict) else None
    return found[0] if isinstance(found, list) and found else None


def _in_words(answer: httpx2.Response) -> str:
    try:
        return f"HTTP {answer.status_code} {HTTPStatus(answer.status_code).phrase}"
    except ValueError:
        return f"HTTP {answer.status_code}"
