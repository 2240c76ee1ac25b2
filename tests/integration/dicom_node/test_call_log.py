"""What administrators can look up of associations: dcmtk's programs and sockets call the port."""

import socket
import subprocess
from pathlib import Path

import pytest
from pydicom.uid import ComputedRadiographyImageStorage
from pynetdicom import AE
from pynetdicom.association import Association
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]  # made at import

from archive.account_records import AuditAction, AuditEvent
from archive.association_records import AssociationOutcome, AssociationQuery, RecordedAssociation
from archive.database import Archive
from tests.builders.dicom_files import STUDY_UID, radiograph, written
from tests.builders.pdus import pdu
from tests.integration.dicom_node.conftest import (
    Node,
    StartNode,
    node_settings,
    running_node,
)
from tests.processes import wait_until

pytestmark = pytest.mark.peer("dcmtk")

ANY = AssociationQuery()


def lines_of(node: Node, count: int = 1) -> tuple[RecordedAssociation, ...]:
    """The newest lines, once there are so many."""
    repository = node.archive.repository
    wait_until(
        lambda: len(repository.associations(ANY, limit=100)) >= count,
        within_seconds=15,
        what=f"{count} lines",
    )
    return repository.associations(ANY, limit=100)


def run(*command: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def an_association(node: Node) -> Association:
    ae = AE(ae_title="TESTSCU")
    ae.add_requested_context(Verification)
    return ae.associate("127.0.0.1", node.port, ae_title="HILUM")


def socket_of(association: Association) -> socket.socket:
    transport = association.dul.socket
    assert transport is not None
    connection = transport.socket
    assert connection is not None
    return connection


def test_a_sender_leaves_one_line_with_what_it_brought(node: Node, tmp_path: Path) -> None:
    good = [written(radiograph(), tmp_path) for _ in range(3)]
    bad = written(radiograph(StudyInstanceUID=None), tmp_path)
    run("storescu", "-aec", "HILUM", "-nh", "127.0.0.1", str(node.port), *map(str, [*good, bad]))
    (line,) = lines_of(node)
    assert (line.calling_ae_title, line.called_ae_title) == ("STORESCU", "HILUM")
    assert (line.address, line.is_tls) == ("127.0.0.1", False)
    assert (line.outcome, line.words) == (AssociationOutcome.RELEASED, "")
    assert (line.stored, line.refused) == (3, 1)
    stored = [node.archive.files.path_of(one.file_key) for one in node.study().instances]
    assert line.byte_count == sum(path.stat().st_size for path in stored)
    assert 0 < line.seconds < 60


def received(node: Node) -> list[AuditEvent]:
    """The lines of the audit trail of what was received, the oldest first."""
    found = node.archive.repository.audit_events(limit=100, action=AuditAction.STUDY_RECEIVED)
    return list(found[::-1])


def test_the_audit_trail_has_a_line_for_each_association_and_study(
    node: Node, tmp_path: Path
) -> None:
    one = [written(radiograph(), tmp_path) for _ in range(2)]
    other = written(radiograph(StudyInstanceUID="1.2.3.4"), tmp_path)
    send = ("storescu", "-aec", "HILUM", "127.0.0.1", str(node.port))
    run(*send, *map(str, [*one, other]))
    wait_until(lambda: len(received(node)) == 2, within_seconds=10, what="two lines")
    run(*send, str(one[0]))
    wait_until(lambda: len(received(node)) == 3, within_seconds=10, what="a third")
    lines = {(line.entry.study_uid, line.entry.details["new"]): line for line in received(node)}
    assert lines.keys() == {(STUDY_UID, 2), ("1.2.3.4", 1), (STUDY_UID, 0)}
    entry = lines[STUDY_UID, 2].entry
    assert (entry.actor, entry.address) == ("ae:STORESCU", "127.0.0.1")
    assert entry.details["instances"] == {ComputedRadiographyImageStorage: 2}
    assert node.archive.repository.verify_audit() == 3


def test_who_brings_nothing_leaves_no_line_in_the_audit_trail(node: Node, tmp_path: Path) -> None:
    bad = written(radiograph(StudyInstanceUID=None), tmp_path)
    run("storescu", "-aec", "HILUM", "127.0.0.1", str(node.port), str(bad))
    (line,) = lines_of(node)
    assert (line.stored, line.refused) == (0, 1)
    assert received(node) == []


def test_who_is_rejected_leaves_source_and_reason_in_words(node: Node) -> None:
    for _ in range(3):
        run("echoscu", "-aet", "STRANGER", "-aec", "HILUM", "127.0.0.1", str(node.port))
    run("echoscu", "-aec", "ELSEWHERE", "127.0.0.1", str(node.port))
    called, calling = lines_of(node, 2)
    assert calling.outcome is AssociationOutcome.REJECTED
    assert calling.calling_ae_title == "STRANGER"
    assert calling.words == (
        "calling AE title not recognised at this address (result 1, source 1, reason 3)"
    )
    assert called.called_ae_title == "ELSEWHERE"
    assert "reason 7" in called.words


def test_a_peers_abort_is_told_apart_from_a_lost_connection(node: Node) -> None:
    an_association(node).abort()
    (line,) = lines_of(node)
    assert line.outcome is AssociationOutcome.ABORTED_BY_PEER
    assert line.words == "by the application (source 0)"
    lost = an_association(node)
    socket_of(lost).shutdown(socket.SHUT_RDWR)
    line, _ = lines_of(node, 2)
    assert (line.outcome, line.words) == (AssociationOutcome.LOST, "the connection ended")


def test_a_silent_association_is_timed_out(start_node: StartNode) -> None:
    node = start_node(network_timeout_seconds=0.5)
    association = an_association(node)
    (line,) = lines_of(node)
    assert (line.outcome, line.words) == (AssociationOutcome.TIMED_OUT, "nothing came for 0.5 s")
    association.abort()


def test_a_peer_that_speaks_no_dimse_is_aborted_with_the_reason(node: Node) -> None:
    association = an_association(node)
    socket_of(association).sendall(pdu(b"\1\0\0\0\2"))
    (line,) = lines_of(node)
    assert line.outcome is AssociationOutcome.ABORTED_BY_US
    assert "source 2" in line.words


def test_a_connection_without_a_request_is_one_line_however_often(node: Node) -> None:
    for _ in range(5):
        socket.create_connection(("127.0.0.1", node.port)).close()
    (line,) = lines_of(node)
    assert line.outcome is AssociationOutcome.NO_REQUEST
    assert line.words == "no association was requested"


def test_who_is_idle_when_the_node_stops_is_told_so(archive: Archive) -> None:
    with running_node(node_settings(), archive) as node:
        association = an_association(node)
        assert association.is_established
    (line,) = archive.repository.associations(ANY, limit=10)
    assert (line.outcome, line.words) == (
        AssociationOutcome.ABORTED_BY_US,
        "the node was stopped",
    )
