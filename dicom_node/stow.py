"""STOW-RS: sends one object per request to a DICOMweb server (PS3.18 10.5)."""

import json
import time
import uuid
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import httpx2

from config.destinations import StowDestination
from dicom_node.answers import Answer, Consignment, answer_of
from dicom_node.http_link import HttpLink, SecretFile, answer_of_failure, in_words
from dicom_node.statuses import DeliveryVerdict, StoreStatus

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


class StowLink(HttpLink):
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
        super().__init__(
            destination.tls,
            auth=_auth(destination),
            timeout_seconds=timeout_seconds,
            clock=clock,
        )
        self._url = destination.url.rstrip("/")

    def send(self, consignment: Consignment) -> Answer:
        """Send one object; sending again is harmless.

        Raises
        ------
        PeerUnavailable
            There was no answer, or one that does not speak of this object.
        """
        boundary = uuid.uuid4().hex
        answer = self.ask(
            "POST",
            f"{self._url}/studies",
            content=_multipart(consignment.content, boundary),
            headers={
                "Accept": "application/dicom+json",
                "Content-Type": f'multipart/related; type="application/dicom"; boundary={boundary}',
            },
        )
        return _read_answer(answer, consignment.claim.sop_instance_uid)

    def _knock(self) -> httpx2.Response:
        """Search for one study (QIDO-RS, PS3.18 10.6)."""
        return self.ask(
            "GET",
            f"{self._url}/studies",
            params={"limit": "1"},
            headers={"Accept": "application/dicom+json"},
        )


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
    return answer_of_failure(answer, REFUSED)


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
        reason=f"{in_words(answer)}, but not a word about the object",
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
