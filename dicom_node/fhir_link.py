"""Posts reports as FHIR R5 Bundles to one server, one Bundle for each."""

import json
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import httpx2

from config.destinations import FhirDestination
from dicom_node.answers import Answer, Consignment
from dicom_node.fhir import bundle_of
from dicom_node.http_link import HttpLink, SecretFile, answer_of_failure
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


class FhirLink(HttpLink):
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
        token = destination.bearer_token_file
        super().__init__(
            destination.tls,
            auth=None if token is None else SecretFile(token, ""),
            timeout_seconds=timeout_seconds,
            clock=clock,
        )
        self._destination = destination
        self._url = destination.url.rstrip("/")

    def send(self, consignment: Consignment) -> Answer:
        """Send one report; a repeat updates the same resources.

        Raises
        ------
        PeerUnavailable
            There was no answer, or one that every other report would get too.
        ReportUnreadable
            The report cannot be written as a Bundle.
        """
        content = bundle_of(
            read_report(consignment.content),
            form=self._destination.bundle,
            identifier_system=self._destination.patient_identifier_system,
        )
        answer = self.ask("POST", self._url, content=content, headers=_HEADERS)
        if answer.is_success:
            return _judged(answer, is_transaction=self._destination.bundle == "transaction")
        return answer_of_failure(answer, _REFUSED)

    def _knock(self) -> httpx2.Response:
        """Ask for the capabilities of the server."""
        return self.ask("GET", f"{self._url}/metadata", headers={"Accept": _JSON})


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
