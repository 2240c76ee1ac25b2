"""Who is let in: real dcmtk programs ask for associations."""

import socket
import subprocess
import threading

import pytest
from pynetdicom import AE
from pynetdicom.sop_class import CTImageStorage, Verification  # type: ignore[attr-defined]

from dicom_node.echo import echo_peer
from dicom_node.errors import ListenerFailed, PeerUnavailable, TitleInvalid
from dicom_node.listener import Listener, run
from dicom_node.sender import Peer
from tests.integration.dicom_node.conftest import Node, StartNode, node_settings
from tests.processes import wait_until

pytestmark = pytest.mark.peer("dcmtk")


def asked(port: int, *, called: str = "HILUM", calling: str = "TESTSCU") -> float:
    peer = Peer(ae_title=called, host="127.0.0.1", port=port)
    return echo_peer(peer, calling_ae_title=calling)


def echoscu(node: Node, *options: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["echoscu", *options, "127.0.0.1", str(node.port)],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_an_echo_is_answered(node: Node) -> None:
    assert echoscu(node, "-aec", "HILUM").returncode == 0
    assert asked(node.port) > 0


def test_an_unknown_caller_is_told_so(node: Node, capfd: pytest.CaptureFixture[str]) -> None:
    answer = echoscu(node, "-aec", "HILUM", "-aet", "STRANGER")
    assert answer.returncode != 0
    assert "Rejected Permanent, Source: Service User" in answer.stderr
    assert "Calling AE Title Not Recognized" in answer.stderr
    assert "calling AE title not recognised" in capfd.readouterr().out


def test_the_wrong_called_title_is_told_so(node: Node, capfd: pytest.CaptureFixture[str]) -> None:
    answer = echoscu(node, "-aec", "ELSEWHERE")
    assert "Rejected Permanent, Source: Service User" in answer.stderr
    assert "Called AE Title Not Recognized" in answer.stderr
    assert "called AE title not recognised" in capfd.readouterr().out


def test_the_node_answers_under_each_of_its_titles(start_node: StartNode) -> None:
    node = start_node(further_ae_titles=("HILUM2", "CHEST_AI"))
    for title in ("HILUM", "HILUM2", "CHEST_AI"):
        assert echoscu(node, "-aec", title).returncode == 0
    assert echoscu(node, "-aec", "HILUM3").returncode != 0


def test_unknown_callers_are_welcome_where_settings_say_so(start_node: StartNode) -> None:
    node = start_node(accept_unknown_peers=True)
    assert echoscu(node, "-aec", "HILUM", "-aet", "STRANGER").returncode == 0


def test_associations_beyond_the_limit_are_rejected_and_later_welcome(
    start_node: StartNode,
) -> None:
    node = start_node(maximum_associations=2)
    ae = AE(ae_title="TESTSCU")
    ae.add_requested_context(Verification)
    held = [ae.associate("127.0.0.1", node.port, ae_title="HILUM") for _ in range(2)]
    assert all(one.is_established for one in held)
    answer = echoscu(node, "-aec", "HILUM")
    assert "Rejected Transient, Source: Service Provider (Presentation Related)" in answer.stderr
    assert "Local Limit Exceeded" in answer.stderr
    held.pop().release()
    wait_until(
        lambda: echoscu(node, "-aec", "HILUM").returncode == 0,
        within_seconds=5,
        what="room for another association",
    )
    held.pop().release()


def test_a_class_that_is_not_taken_gets_its_context_rejected(node: Node) -> None:
    ae = AE(ae_title="TESTSCU")
    ae.add_requested_context(Verification)
    ae.add_requested_context(CTImageStorage)
    association = ae.associate("127.0.0.1", node.port, ae_title="HILUM")
    assert [one.abstract_syntax for one in association.accepted_contexts] == [Verification]
    assert [one.abstract_syntax for one in association.rejected_contexts] == [CTImageStorage]
    # PS3.8 table 9-18: 3, abstract syntax not supported
    assert [one.result for one in association.rejected_contexts] == [3]
    association.release()


def test_a_port_in_use_stops_the_start_with_its_number(node: Node) -> None:
    with pytest.raises(ListenerFailed, match=str(node.port)):
        Listener(node.settings, node.archive)


def test_a_peer_that_never_speaks_holds_no_association(start_node: StartNode) -> None:
    node = start_node(maximum_associations=1, network_timeout_seconds=1)
    silent = [socket.create_connection(("127.0.0.1", node.port)) for _ in range(3)]
    assert echoscu(node, "-aec", "HILUM").returncode == 0
    for connection in silent:
        connection.close()


def test_a_peer_that_stops_within_a_pdu_loses_its_connection(start_node: StartNode) -> None:
    node = start_node(network_timeout_seconds=0.5)
    with socket.create_connection(("127.0.0.1", node.port), timeout=10) as connection:
        # An A-ASSOCIATE-RQ that announces 1000 bytes and brings two.
        connection.sendall(b"\x01\x00\x00\x00\x03\xe8\x00\x01")
        assert connection.recv(10) in (b"", b"\x07\x00\x00\x00\x00\x04\x00\x00\x02\x00")
    assert echoscu(node, "-aec", "HILUM").returncode == 0


def test_a_pdu_of_gigabytes_is_not_waited_for(node: Node) -> None:
    with socket.create_connection(("127.0.0.1", node.port), timeout=10) as connection:
        connection.sendall(b"\x01\x00\xff\xff\xff\xf0" + bytes(64))
        assert connection.recv(10) in (b"", b"\x07\x00\x00\x00\x00\x04\x00\x00\x02\x00")
    assert echoscu(node, "-aec", "HILUM").returncode == 0


def test_a_stopped_node_does_not_answer(node: Node) -> None:
    other = node_settings()
    stop, ready = threading.Event(), threading.Event()
    thread = threading.Thread(target=run, args=(other, node.archive, stop, ready.set))
    thread.start()
    assert ready.wait(10)
    stop.set()
    thread.join(10)
    assert not thread.is_alive()
    with pytest.raises(PeerUnavailable, match="nobody answers"):
        asked(other.node.port)


def test_an_echo_tells_why_there_is_no_answer(node: Node) -> None:
    with pytest.raises(PeerUnavailable, match="Calling AE title not recognised"):
        asked(node.port, calling="STRANGER")
    with pytest.raises(TitleInvalid, match="SEVENTEEN-LETTERS"):
        asked(node.port, called="SEVENTEEN-LETTERS")


def test_whom_the_node_turns_away_is_counted_by_reason(node: Node) -> None:
    for called, calling in (("HILUM", "NOBODY"), ("HILUM", "SOMEBODY"), ("OTHER", "TESTSCU")):
        with pytest.raises(PeerUnavailable):
            asked(node.port, called=called, calling=calling)
    expected = {"calling_ae_unknown": 2, "called_ae_unknown": 1}
    wait_until(
        lambda: node.archive.repository.rejection_counts() == expected,
        within_seconds=10,
        what="the counts",
    )
