"""The audit trail at a real rsyslog: over TLS, TCP and UDP, and through times without one."""

import socket
import threading
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from archive.account_records import AuditEntry
from archive.database import Archive
from config.destinations import ClientTlsSettings
from config.settings import Settings, load_settings
from config.syslog import SyslogSettings
from dicom_node.audit_export import AT_ONCE, AuditFeed
from dicom_node.backoff import BackOff
from dicom_node.errors import PeerUnavailable
from dicom_node.follower import Follower
from dicom_node.syslog import SyslogServer
from tests.builders.arrivals import an_arrival
from tests.builders.audit import a_source
from tests.builders.certificates import Authority
from tests.builders.dicom_files import radiograph, written
from tests.builders.reports_to_send import a_study_with_reports
from tests.conformance.test_audit_messages import judged
from tests.integration.dicom_node.conftest import node_settings, running_node
from tests.integration.dicom_node.test_delivering import (
    destination,
    running_sender,
    sender_settings,
    storescp,
)
from tests.processes import free_port, wait_until
from tests.rsyslog import running_rsyslog
from tests.web import a_client

pytestmark = pytest.mark.peer("rsyslog")
SOON = BackOff(first_seconds=0.01, longest_seconds=0.01)


def settings_for(port: int, **changes: Any) -> SyslogSettings:
    return load_settings().syslog.model_copy(
        update={"host": "127.0.0.1", "port": port, "transport": "tcp", **changes}
    )


def an_exporter(archive: Archive, settings: SyslogSettings, claimant: str = "sender") -> Follower:
    server = SyslogServer(settings, host="here", timeout_seconds=10)
    feed = AuditFeed(archive, server, a_source(), claimant=claimant)
    return Follower(feed, back_off=SOON)


def note(archive: Archive, count: int = 1) -> None:
    entry = AuditEntry(actor="ito", action="STUDY_OPENED", study_uid="1.2.3.1")
    for _ in range(count):
        archive.repository.record_audit(entry)


def send_all(exporter: Follower) -> None:
    while exporter.step(threading.Event()) == 0:
        pass


def numbers_in(messages: list[str]) -> list[int]:
    return [int(one.partition('sequenceId="')[2].partition('"')[0]) for one in messages]


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_every_line_arrives_whole_and_in_order(
    any_archive: Archive, tmp_path: Path, transport: str
) -> None:
    any_archive.repository.record_instance(an_arrival(study=1, instance=1))
    note(any_archive, count=3)
    port = free_port()
    with running_rsyslog(tmp_path / "rsyslog", port, transport=transport) as rsyslog:
        send_all(an_exporter(any_archive, settings_for(port, transport=transport)))
        got = rsyslog.wait_for(3)
    assert numbers_in(got) == [1, 2, 3]
    message = ElementTree.fromstring(got[0].partition("\ufeff")[2])  # noqa: S314  # our own
    objects = message.findall("ParticipantObjectIdentification")
    assert [one.attrib["ParticipantObjectID"] for one in objects] == ["1.2.3.1", "P1"]
    assert any_archive.repository.audit_export_standing().waiting == 0


@pytest.mark.peer("openssl")
def test_tls_knows_the_server_and_is_known_by_it(archive: Archive, tmp_path: Path) -> None:
    authority = Authority.new(tmp_path / "authority")
    ours, port = authority.sign("hilum"), free_port()
    known = ClientTlsSettings(
        ca_certificates=authority.certificate, certificate=ours.certificate, key=ours.key
    )
    stranger = Authority.new(tmp_path / "stranger")
    note(archive, count=AT_ONCE + 1)
    with running_rsyslog(
        tmp_path / "rsyslog", port, transport="tls", authority=authority
    ) as rsyslog:
        for tls in (
            ClientTlsSettings(ca_certificates=stranger.certificate),
            ClientTlsSettings(ca_certificates=authority.certificate),
        ):
            server = SyslogServer(
                settings_for(port, transport="tls", tls=tls), host="here", timeout_seconds=10
            )
            with pytest.raises(PeerUnavailable):
                server.send([])
        send_all(an_exporter(archive, settings_for(port, transport="tls", tls=known)))
        got = rsyslog.wait_for(AT_ONCE + 1)
    assert numbers_in(got) == list(range(1, AT_ONCE + 2))


def test_a_server_that_is_down_loses_nothing_and_is_seen(archive: Archive, tmp_path: Path) -> None:
    port = free_port()
    exporter = an_exporter(archive, settings_for(port))
    folder = tmp_path / "rsyslog"
    note(archive, count=2)
    with running_rsyslog(folder, port) as rsyslog:
        send_all(exporter)
        rsyslog.wait_for(2)
    note(archive, count=3)
    assert exporter.step(threading.Event()) > 0
    assert exporter.is_waiting
    standing = archive.repository.audit_export_standing()
    assert (standing.waiting, standing.fault) == (3, "Connection refused")
    assert standing.failing_since is not None
    with running_rsyslog(folder, port) as rsyslog:
        send_all(exporter)
        got = rsyslog.wait_for(5)
    assert numbers_in(got) == [1, 2, 3, 4, 5]
    standing = archive.repository.audit_export_standing()
    assert (standing.waiting, standing.fault, standing.failing_since) == (0, "", None)


def test_a_server_that_dies_on_the_way_gets_the_rest_again(
    archive: Archive, tmp_path: Path
) -> None:
    """What a connection had taken before it was reset does not count as sent."""
    note(archive, count=2)
    with socket.create_server(("127.0.0.1", 0)) as dying:
        exporter = an_exporter(archive, settings_for(dying.getsockname()[1]))

        def die() -> None:
            connection, _ = dying.accept()
            # Closing with unread bytes resets the connection (RFC 1122 4.2.2.13).
            wait_until(
                lambda: connection.recv(1, socket.MSG_PEEK), within_seconds=10, what="a message"
            )
            connection.close()

        thread = threading.Thread(target=die)
        thread.start()
        assert exporter.step(threading.Event()) > 0
        thread.join(10)
    assert archive.repository.audit_export_standing().waiting == 2


def test_two_senders_do_not_send_a_line_twice(any_archive: Archive) -> None:
    note(any_archive, count=2)
    repository = any_archive.repository
    assert len(repository.claim_audit_lines("one", limit=10, lease_seconds=60)) == 2
    assert repository.claim_audit_lines("two", limit=10, lease_seconds=60) == ()
    assert len(repository.claim_audit_lines("one", limit=1, lease_seconds=0)) == 1
    assert len(repository.claim_audit_lines("two", limit=10, lease_seconds=60)) == 2


@pytest.mark.peer("dcmtk")
@pytest.mark.peer("jing")
def test_what_is_received_and_what_is_delivered_reach_the_audit_server_as_valid_messages(
    archive: Archive, tmp_path: Path
) -> None:
    syslog_port, pacs_port = free_port(), free_port()
    settings = sender_settings(destination(pacs_port)).model_copy(
        update={"syslog": settings_for(syslog_port)}
    )
    with (
        running_rsyslog(tmp_path / "rsyslog", syslog_port) as rsyslog,
        storescp(tmp_path / "pacs", pacs_port),
        running_node(node_settings(), archive) as node,
        running_sender(archive, settings=settings),
    ):
        node.send(written(radiograph(PatientID="P 1"), tmp_path))
        rsyslog.wait_for(1)
        a_study_with_reports(archive, study=7, reports=2)
        got = rsyslog.wait_for(3)
    files = []
    for number, message in enumerate(got):
        files.append(tmp_path / f"{number}.xml")
        files[-1].write_text(message.partition("\ufeff")[2], encoding="utf-8")
    judgement = judged(*files)
    assert (judgement.returncode, judgement.stdout) == (0, "")
    events = [ElementTree.parse(file).getroot() for file in files]  # noqa: S314  # our own
    ours = [event.findall("EventIdentification/EventTypeCode")[-1] for event in events]
    assert [one.attrib["csd-code"] for one in ours] == [
        "STUDY_RECEIVED",
        "REPORT_SENT",
        "REPORT_SENT",
    ]
    ids = {
        one.attrib["csd-code"]
        for event in events
        for one in event.findall("EventIdentification/EventID")
    }
    assert ids == {"110104"}
    assert "P 1" in got[0]


def whole_settings(port: int) -> Settings:
    return sender_settings().model_copy(update={"syslog": settings_for(port)})


def test_the_sender_sends_it_and_operation_and_metrics_tell(
    archive: Archive, tmp_path: Path
) -> None:
    port = free_port()
    settings = whole_settings(port)
    client = a_client(archive, settings)
    with running_sender(archive, settings=settings):
        note(archive)
        wait_until(
            lambda: archive.repository.audit_export_standing().fault,
            within_seconds=30,
            what="a fault",
        )
        told = client.get("/api/v1/operation").json()["audit_export"]
        assert told["fault"] == "Connection refused"
        assert told["waiting"] >= 1
        assert "hilum_audit_server_up 0.0" in client.get("/metrics").text
        page = client.get("/ops").text
        assert f"{settings.syslog.address} takes no lines since" in page
        assert "Connection refused" in page
        with running_rsyslog(tmp_path / "rsyslog", port):
            wait_until(
                lambda: not archive.repository.audit_export_standing().waiting,
                within_seconds=60,
                what="the trail at the server",
            )
            metrics = client.get("/metrics").text
            page = client.get("/ops").text
    assert "takes no lines" not in page
    assert f"{settings.syslog.address}: 0 lines wait" in page
    assert "hilum_audit_server_up 1.0" in metrics
    assert "hilum_audit_lines_waiting 0.0" in metrics
