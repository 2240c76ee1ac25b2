"""Results as FHIR Bundles at a real HTTP server: kept, refused, or not now."""

import contextlib
import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from fhir.resources.bundle import Bundle

from archive.database import Archive
from archive.records import DeliveryState, ReportKind
from config.destinations import FhirDestination
from dicom_node.links import try_destination
from tests.builders.radiographs import radiograph
from tests.builders.reports import an_ai_result
from tests.builders.reports_to_send import a_study_with_object
from tests.integration.dicom_node.test_delivering import (
    deliveries,
    running_sender,
    sender_settings,
    wait_for,
)
from tests.web_server import listening

KEPT = "201 Created"


class FhirServer:
    """What a server answers, and what it got."""

    def __init__(self, *statuses: int, entry: str = KEPT) -> None:
        self.statuses = list(statuses)
        self.entry = entry
        self.got: list[bytes] = []

    def answer(self, body: bytes) -> tuple[int, bytes]:
        self.got.append(body)
        status = self.statuses.pop(0) if self.statuses else 200
        asked = json.loads(body)
        entries = [{"response": {"status": self.entry}} for _ in asked["entry"]]
        reply = {"resourceType": "Bundle", "type": "transaction-response", "entry": entries}
        return status, json.dumps(reply).encode()


@contextlib.contextmanager
def serving(fhir: FhirServer) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            status, reply = fhir.answer(self.rfile.read(int(self.headers["Content-Length"])))
            self._reply(status, reply)

        def do_GET(self) -> None:
            self._reply(200 if self.path == "/fhir/metadata" else 404, b"{}")

        def _reply(self, status: int, reply: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(reply)))
            self.end_headers()
            self.wfile.write(reply)

        def log_message(self, *_: Any) -> None:
            pass

    with listening(ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as port:
        yield f"http://127.0.0.1:{port}/fhir"


def a_result(archive: Archive) -> None:
    result = an_ai_result(radiograph())
    a_study_with_object(archive, result, kind=ReportKind.AI_RESULT, destinations=["ehr"])


@pytest.mark.parametrize("kind", ["transaction", "collection"])
def test_a_result_arrives_as_a_valid_bundle(archive: Archive, kind: str) -> None:
    fhir = FhirServer()
    a_result(archive)
    with serving(fhir) as url:
        destination = FhirDestination.model_validate({"name": "ehr", "url": url, "bundle": kind})
        assert try_destination(destination, sender_settings(destination)) > 0
        with running_sender(archive, destination):
            wait_for(archive, DeliveryState.DELIVERED, name="ehr")
    (content,) = fhir.got
    assert Bundle.model_validate_json(content).type == kind
    entries = json.loads(content)["entry"]
    kinds = [entry["resource"]["resourceType"] for entry in entries]
    assert kinds == ["ImagingStudy", "Device", "Observation", "Observation", "DiagnosticReport"]
    assert all(("request" in entry) is (kind == "transaction") for entry in entries)


@pytest.mark.parametrize("entry", [KEPT, "422 Unprocessable"])
def test_what_the_server_refuses_is_given_up_with_its_code(archive: Archive, entry: str) -> None:
    fhir = FhirServer(422 if entry == KEPT else 200, entry=entry)
    a_result(archive)
    with serving(fhir) as url, running_sender(archive, FhirDestination(name="ehr", url=url)):
        wait_for(archive, DeliveryState.GAVE_UP, name="ehr")
    (delivery,) = deliveries(archive, "ehr")
    assert "422" in delivery.reason
    assert len(fhir.got) == 1


def test_a_server_that_is_busy_gets_the_same_bundle_again(archive: Archive) -> None:
    fhir = FhirServer(503, 500)
    a_result(archive)
    with serving(fhir) as url, running_sender(archive, FhirDestination(name="ehr", url=url)):
        wait_for(archive, DeliveryState.DELIVERED, name="ehr")
    assert len(fhir.got) == 3
    assert len(set(fhir.got)) == 1
