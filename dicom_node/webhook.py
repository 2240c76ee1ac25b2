"""Tells a web address that something happened, signed and free of patient data (RFC 2104).

What happened is read from the document that was made of it: a result, that there is none, or a
review. Nothing of it is said but that it is there; whoever wants to know asks the API. A delivery
to another destination that was given up is told to a webhook that asks for it.
"""

import hashlib
import hmac
import json
import time
from collections.abc import Callable
from enum import StrEnum
from http import HTTPStatus
from pathlib import Path

import httpx2

from archive.operation_records import GiveUp
from config.destinations import WebhookDestination
from dicom_node.answers import Answer, Consignment
from dicom_node.errors import PeerUnavailable
from dicom_node.http_link import HttpLink, in_words
from dicom_node.report_content import ReportContent, read_report
from dicom_node.statuses import DeliveryVerdict

SIGNATURE_HEADER = "Hilum-Signature"
TIMESTAMP_HEADER = "Hilum-Timestamp"
# A shorter secret can be guessed from one message.
FEWEST_SECRET_BYTES = 16
# This very message is refused, or the address is gone for good.
_REFUSED = frozenset(
    {
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.GONE,
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        HTTPStatus.UNPROCESSABLE_ENTITY,
    }
)


class Happening(StrEnum):
    """What a webhook tells of."""

    RESULT_READY = "result.ready"
    NOT_ANALYSED = "study.not_analysed"
    FAILED = "study.failed"
    REVIEWED = "study.reviewed"
    GAVE_UP = "delivery.gave_up"


def happening_of(report: ReportContent) -> Happening:
    """Say what a document was made of."""
    if report.verifier is not None:
        return Happening.REVIEWED
    if report.presence is not None:
        return Happening.RESULT_READY
    return Happening.FAILED if report.has_failed else Happening.NOT_ANALYSED


def body_of(report: ReportContent) -> bytes:
    """Write the message; the same document gives the same bytes, and its `event_id`.

    UIDs stand as their SHA-256, as in the logs: a UID leads to its patient in any PACS.
    """
    body = {
        "event": happening_of(report),
        "event_id": _digest(f"event {report.sop_instance_uid}"),
        "made_at": report.made_at.isoformat(),
        "study_uid_sha256": _digest(report.study_uid),
        "document_uid_sha256": _digest(report.sop_instance_uid),
    }
    return json.dumps(body, separators=(",", ":")).encode("ascii")


def body_of_give_up(give_up: GiveUp) -> bytes:
    """Write that a delivery was given up; the same one gives the same bytes, and its `event_id`."""
    body = {
        "event": Happening.GAVE_UP,
        "event_id": _digest(f"give-up {give_up.give_up_id} {give_up.sop_instance_uid}"),
        "made_at": give_up.at.isoformat(),
        "destination": give_up.destination,
        "study_uid_sha256": _digest(give_up.study_uid),
        "document_uid_sha256": _digest(give_up.sop_instance_uid),
    }
    return json.dumps(body, separators=(",", ":")).encode("ascii")


def signature(secret: bytes, timestamp: str, body: bytes) -> str:
    """Sign time and body together, so that neither can be exchanged (HMAC-SHA256)."""
    return hmac.new(secret, timestamp.encode("ascii") + b"." + body, hashlib.sha256).hexdigest()


class WebhookLink(HttpLink):
    """A kept connection to one address.

    Parameters
    ----------
    destination
        Where it is, and where the secret lies that both know.
    timeout_seconds
        For the connection and for silence within an answer.
    clock, now
        Seconds that only grow; seconds since 1970 in UTC.
    """

    def __init__(
        self,
        destination: WebhookDestination,
        *,
        timeout_seconds: float,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(destination.tls, auth=None, timeout_seconds=timeout_seconds, clock=clock)
        self._url = destination.url
        self._secret_file = destination.secret_file
        self._now = now

    def send(self, consignment: Consignment) -> Answer:
        """Send one message; a repeat says the same, signed with its own time.

        Raises
        ------
        PeerUnavailable
            There was no answer, or one that every other message would get too, or there is no
            secret to sign with.
        ReportUnreadable
            The document is none of ours.
        """
        return self._told(body_of(read_report(consignment.content)))

    def tell_of_give_up(self, give_up: GiveUp) -> Answer:
        """Tell that a delivery to another destination was given up; a repeat says the same.

        Raises
        ------
        PeerUnavailable
            As of `send`.
        """
        return self._told(body_of_give_up(give_up))

    def _told(self, body: bytes) -> Answer:
        answer = self._post(body)
        if answer.is_success:
            return Answer(verdict=DeliveryVerdict.DELIVERED)
        if answer.status_code in _REFUSED:
            return Answer(verdict=DeliveryVerdict.REFUSED, reason=in_words(answer))
        raise PeerUnavailable(in_words(answer))

    def _knock(self) -> httpx2.Response:
        """Send a signed ping."""
        return self._post(b'{"event":"ping"}')

    def _post(self, body: bytes) -> httpx2.Response:
        timestamp = str(int(self._now()))
        headers = {
            "Content-Type": "application/json",
            TIMESTAMP_HEADER: timestamp,
            SIGNATURE_HEADER: f"sha256={signature(_secret_in(self._secret_file), timestamp, body)}",
        }
        return self.ask("POST", self._url, content=body, headers=headers)


def _secret_in(file: Path) -> bytes:
    """Read the secret anew each time, so that it can be renewed."""
    try:
        secret = file.read_bytes().strip()
    except OSError:
        raise PeerUnavailable(f"the secret file {file} cannot be read") from None
    if len(secret) < FEWEST_SECRET_BYTES:
        raise PeerUnavailable(f"the secret in {file} is shorter than {FEWEST_SECRET_BYTES} bytes")
    return secret


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
