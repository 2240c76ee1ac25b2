"""Echo and test object, asked for as an administrator does, against dcmtk's receiver."""

from pathlib import Path

import pytest
from pydicom import dcmread

from archive.account_records import Role
from archive.database import Archive
from archive.operation_records import ErrandKind
from config.destinations import Hl7v2Destination
from dicom_node.errands import Errands
from tests.integration.dicom_node.test_delivering import (
    destination,
    running_sender,
    sender_settings,
    storescp,
)
from tests.processes import free_port
from tests.web import a_client

pytestmark = pytest.mark.peer("dcmtk")


def test_an_echo_and_a_test_object_reach_a_pacs_and_tell_what_it_answered(
    archive: Archive, tmp_path: Path
) -> None:
    port, gone = free_port(), free_port()
    settings = sender_settings(destination(port), destination(gone, "gone"))
    client = a_client(archive, settings, roles=[Role.ADMIN])
    with storescp(tmp_path / "pacs", port) as folder, running_sender(archive, settings=settings):
        echo = client.post("/api/v1/destinations/pacs/echo").json()
        assert (echo["is_ok"], echo["words"]) == (True, "answered")
        sent = client.post("/api/v1/destinations/pacs/test-send").json()
        assert (sent["is_ok"], sent["words"]) == (True, "stored")
        [file] = folder.iterdir()
        ds = dcmread(file)
        assert (ds.PatientID, str(ds.PatientName)) == ("HILUM-TEST", "Hilum^Test")
        refused = client.post("/api/v1/destinations/gone/echo").json()
        assert refused["is_ok"] is False
        assert refused["words"].startswith("PeerUnavailable")
        assert client.get(f"/api/v1/errands/{refused['errand_id']}").json() == refused
        client.post("/ops/destinations/pacs/echo", headers={"sec-fetch-site": "same-origin"})
        page = client.get("/ops").text
    assert "Echo: answered in " in page
    assert "Echo: PeerUnavailable" in page
    actions = [one.entry.action for one in archive.repository.audit_events(limit=10)]
    assert actions.count("ERRAND") == 4


def test_an_errand_that_no_sender_runs_says_so(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.operation.PATIENCE_SECONDS", 0.0)
    client = a_client(archive, sender_settings(destination(free_port())), roles=[Role.ADMIN])
    errand = client.post("/api/v1/destinations/pacs/echo").json()
    assert (errand["is_ok"], errand["finished_at"]) == (None, None)
    assert client.post("/api/v1/destinations/none/echo").status_code == 404
    assert client.get("/api/v1/errands/999").status_code == 404


def test_who_takes_no_images_gets_no_test_object_and_the_asker_is_told(archive: Archive) -> None:
    ris = Hl7v2Destination(name="ris", host="127.0.0.1", port=free_port())
    number = archive.repository.ask_errand(ErrandKind.TEST_SEND, "ris", asked_by="ann")
    Errands(sender_settings(ris), archive, claimant="sender").step()
    errand = archive.repository.errand(number)
    assert errand.is_ok is False
    assert errand.words.startswith("is told of reports only")
