"""Posts reports as FHIR R5 Bundles to one server, one Bundle for each."""

import json
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import httpx2

from config.destinations import FhirDestination
from dicom_node.answers import Answer, Consignment
from dicom_node.errors import PeerUnavailable
from dicom_node.fhir import bundle_of
from dicom_node.http_connection import HttpConnection, SecretFile, in_words
from dicom_node.report_content import read_report
from dicom_node.statuses import DeliveryVerdict

_JSON = "application/fhir+json"
_HEADERS = {"Accept": _JSON, "Content-Type": f"{_JSON}; fhirVersion=5.0"}
# The Bundle itself is refused: sending it again would change nothing.
_REFUSED = frozenset(
    {
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.CONFLICT,
        HTTPStatus.PRECONDITION_FAILED,
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        HTTPStatus.UNPROCESSABLE_ENTITY,
    }
)


class FhirLink:
    """A kept connection to one FHIR server.

    Parameters
    ----------
    destination
        Where it is, how it knows us, and how Bundles to it are written.
    timeout_seconds
        For the connection and for silence within an answer.
    """

    def __init__(
        self,
        destination: FhirDestination,
        *,
        timeout_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._destination = destination
        self._url = destination.url.rstrip("/")
        self._clock = clock
        token = destination.bearer_token_file
        self._connection = HttpConnection(
            destination.tls,
            auth=None if token is None else SecretFile(token, ""),
            timeout_seconds=timeout_seconds,
            clock=clock,
        )

    def send(self, consignment: Consignment) -> Answer:
        """Send one report; a repeat updates the same resources.

        Raises
        ------
        PeerUnavailable
            There was no answer, or one that every other report would get too.
        ReportUnreadable
            The report cannot be written as a Bundle.
        """
        content = bundle_of(read_report(consignment.content), self._destination)
        answer = self._connection.ask("POST", self._url, content=content, headers=_HEADERS)
        if answer.is_success:
            return _judged(answer, is_transaction=self._destination.bundle == "transaction")
        if answer.status_code in _REFUSED:
            return Answer(verdict=DeliveryVerdict.REFUSED, reason=in_words(answer))
        if answer.status_code == HTTPStatus.INTERNAL_SERVER_ERROR:
            # Perhaps because of this very report: the others must not wait for it.
            return Answer(verdict=DeliveryVerdict.TRY_AGAIN, reason=in_words(answer))
        raise PeerUnavailable(in_words(answer))

    def probe(self) -> float:
        """Ask for the capabilities of the server and return the seconds that it took.

        Raises
        ------
        PeerUnavailable
            There was no answer, or it was not success.
        """
        began_at = self._clock()
        try:
            answer = self._connection.ask("GET", f"{self._url}/metadata", headers={"Accept": _JSON})
        finally:
            self.close()
        if not answer.is_success:
            raise PeerUnavailable(in_words(answer))
        return self._clock() - began_at

    def close(self) -> None:
        """Close the connection; the next report opens another."""
        self._connection.close()

    def close_when_idle_for(self, seconds: float) -> None:
        """Close a connection that was not used for some seconds."""
        self._connection.close_when_idle_for(seconds)

    def abort(self) -> None:
        """Break the connection for good; a `send` that waits for an answer then ends."""
        self._connection.abort()


def _judged(answer: httpx2.Response, *, is_transaction: bool) -> Answer:
    """Read what became of a transaction: it succeeded as a whole, or the answer says otherwise."""
    if not is_transaction:
        return Answer(verdict=DeliveryVerdict.DELIVERED)
    statuses = _statuses(answer)
    if not statuses:
        return Answer(
            verdict=DeliveryVerdict.TRY_AGAIN, reason="the answer does not say what was kept"
        )
    refused = [status for status in statuses if not status.startswith("2")]
    if refused:
        return Answer(
            verdict=DeliveryVerdict.REFUSED, reason=f"an entry was answered with {refused[0][:3]}"
        )
    return Answer(verdict=DeliveryVerdict.DELIVERED)


def _statuses(answer: httpx2.Response) -> list[str]:
    try:
        body: Any = json.loads(answer.content)
        entries = body["entry"]
        return [str(entry["response"]["status"]) for entry in entries]
    except (ValueError, KeyError, TypeError):
        return []
