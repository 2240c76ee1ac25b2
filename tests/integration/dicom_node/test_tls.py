"""TLS both ways: what openssl and dcmtk may agree on with the node, and whom the sender trusts."""

import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from archive.association_records import AssociationOutcome, AssociationQuery
from archive.database import Archive
from archive.records import DeliveryState
from config.destinations import ClientTlsSettings, DimseDestination
from config.settings import ServerTlsSettings
from dicom_node import listener
from dicom_node.echo import echo_peer
from dicom_node.errors import PeerUnavailable, TlsUnusable
from dicom_node.sender import Peer
from tests.builders.certificates import Authority, Certificate
from tests.builders.dicom_files import radiograph, written
from tests.builders.reports_to_send import a_study_with_reports
from tests.integration.dicom_node.conftest import (
    Node,
    data_set_bytes,
    node_settings,
    running_node,
)
from tests.integration.dicom_node.peers import dcmtk
from tests.integration.dicom_node.test_delivering import deliveries, running_sender, wait_for
from tests.processes import free_port, is_listening, running, wait_until

pytestmark = [pytest.mark.peer("openssl"), pytest.mark.peer("dcmtk")]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.new(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def server(authority: Authority) -> Certificate:
    return authority.sign("server")


@pytest.fixture(scope="module")
def client(authority: Authority) -> Certificate:
    return authority.sign("client")


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return Authority.new(tmp_path_factory.mktemp("stranger"), "stranger").sign("client")


def tls_node(
    archive: Archive, server: Certificate, **settings: object
) -> AbstractContextManager[Node]:
    tls = ServerTlsSettings.model_validate(
        {"certificate": server.certificate, "key": server.key, **settings}
    )
    return running_node(node_settings(tls=tls), archive)


@pytest.fixture
def node(archive: Archive, server: Certificate) -> Iterator[Node]:
    """A node that speaks TLS and asks nobody for a certificate."""
    with tls_node(archive, server) as running_one:
        yield running_one


@pytest.fixture
def strict_node(archive: Archive, server: Certificate, authority: Authority) -> Iterator[Node]:
    """A node that lets nobody in without a certificate of its authority."""
    with tls_node(
        archive,
        server,
        client_certificate="required",
        client_ca_certificates=authority.certificate,
    ) as running_one:
        yield running_one


def s_client(node: Node, *options: str | Path) -> "subprocess.CompletedProcess[str]":
    """openssl's client; the lowest security level, so that a refusal is the node's."""
    return subprocess.run(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{node.port}", *map(str, options)],
        input="", capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip


OLD = ("-cipher", "ALL:@SECLEVEL=0")


@pytest.mark.parametrize("version", ["-tls1", "-tls1_1"])
def test_old_versions_are_refused(node: Node, version: str) -> None:
    answer = s_client(node, version, *OLD)
    assert answer.returncode != 0
    assert "alert protocol version" in answer.stderr


@pytest.mark.parametrize(("version", "name"), [("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")])
def test_the_versions_of_bcp_195_are_spoken(
    node: Node, authority: Authority, version: str, name: str
) -> None:
    answer = s_client(node, version, "-CAfile", authority.certificate)
    assert answer.returncode == 0
    assert f"New, {name}" in answer.stdout
    assert "Verify return code: 0 (ok)" in answer.stdout


@pytest.mark.parametrize("cipher", ["AES128-SHA", "ECDHE-ECDSA-AES128-SHA", "AES128-GCM-SHA256"])
def test_ciphers_without_forward_secrecy_or_authentication_are_refused(
    node: Node, cipher: str
) -> None:
    answer = s_client(node, "-tls1_2", "-cipher", f"{cipher}:@SECLEVEL=0")
    assert "handshake failure" in answer.stderr


def storescu(node: Node, file: Path, *options: str | Path) -> int:
    return dcmtk(
        "storescu", "-aec", "HILUM", *options, "127.0.0.1", str(node.port), file
    ).returncode


def with_tls(authority: Authority, client: Certificate) -> tuple[str | Path, ...]:
    return ("+tls", client.key, client.certificate, "+cf", authority.certificate)


def test_dcmtk_stores_by_tls_and_not_without(
    node: Node, authority: Authority, tmp_path: Path
) -> None:
    # Longer than a TLS record, a PDU, and what is read ahead.
    ds = radiograph(rows=800, columns=900)
    file = written(ds, tmp_path)
    anonymous = ("+tla", "+cf", authority.certificate)
    assert storescu(node, file, *anonymous) == 0
    assert node.data_set_of(ds.SOPInstanceUID) == data_set_bytes(file.read_bytes())
    assert storescu(node, file) != 0
    wait_until(
        lambda: node.archive.repository.rejection_counts() == {"no_tls": 1},
        within_seconds=10,
        what="the count",
    )


def test_a_peer_is_known_by_its_certificate_where_one_is_required(
    strict_node: Node,
    authority: Authority,
    client: Certificate,
    stranger: Certificate,
    tmp_path: Path,
) -> None:
    file = written(radiograph(), tmp_path)
    assert storescu(strict_node, file, "+tla", "+cf", authority.certificate) != 0
    assert storescu(strict_node, file, *with_tls(authority, stranger)) != 0
    answer = s_client(strict_node, "-tls1_2")
    assert answer.returncode != 0
    assert storescu(strict_node, file, *with_tls(authority, client)) == 0
    assert len(strict_node.study().instances) == 1


def test_a_certificate_is_optional_but_must_be_a_good_one(
    archive: Archive,
    server: Certificate,
    authority: Authority,
    client: Certificate,
    stranger: Certificate,
    tmp_path: Path,
) -> None:
    file = written(radiograph(), tmp_path)
    with tls_node(
        archive,
        server,
        client_certificate="optional",
        client_ca_certificates=authority.certificate,
    ) as node:
        assert storescu(node, file, "+tla", "+cf", authority.certificate) == 0
        assert storescu(node, file, *with_tls(authority, client)) == 0
        assert storescu(node, file, *with_tls(authority, stranger)) != 0


def test_a_renewed_certificate_is_shown_without_a_restart(
    archive: Archive, authority: Authority, tmp_path: Path
) -> None:
    first, second = authority.sign("first"), authority.sign("second")
    used = Certificate(certificate=tmp_path / "used.pem", key=tmp_path / "used.key")

    def use(made: Certificate) -> None:
        shutil.copy(made.key, used.key)
        shutil.copy(made.certificate, used.certificate)

    use(first)
    with tls_node(archive, used) as node:
        assert "CN = first" in s_client(node).stdout
        with capture_logs() as said:
            used.certificate.write_text("no certificate at all")
            wait_until(
                lambda: any("the old ones stay" in one["event"] for one in said),
                within_seconds=10,
                what="the refusal of the broken file",
            )
        assert "CN = first" in s_client(node).stdout
        use(second)
        wait_until(
            lambda: "CN = second" in s_client(node).stdout, within_seconds=10, what="the new one"
        )


def test_a_caller_who_never_shakes_hands_does_not_keep_others_out(
    node: Node, authority: Authority
) -> None:
    with socket.create_connection(("127.0.0.1", node.port)):
        assert echo(node, ClientTlsSettings(ca_certificates=authority.certificate)) > 0


def test_the_log_of_associations_tells_who_found_no_agreement(
    node: Node, authority: Authority
) -> None:
    with pytest.raises(PeerUnavailable):
        echo(node, None)
    assert echo(node, ClientTlsSettings(ca_certificates=authority.certificate)) > 0
    query = AssociationQuery()

    def outcomes() -> list[tuple[str, bool]]:
        lines = node.archive.repository.associations(query, limit=10)
        return sorted((one.outcome, one.is_tls) for one in lines)

    expected = [("NO_REQUEST", True), ("RELEASED", True)]
    wait_until(lambda: outcomes() == expected, within_seconds=10, what="both lines")
    without = AssociationQuery(outcome=AssociationOutcome.NO_REQUEST)
    (line,) = node.archive.repository.associations(without, limit=10)
    assert line.words.startswith("no agreement on TLS")


def test_a_node_whose_certificate_cannot_be_used_does_not_start(
    archive: Archive, tmp_path: Path
) -> None:
    tls = ServerTlsSettings(certificate=tmp_path / "none.pem", key=tmp_path / "none.key")
    with pytest.raises(TlsUnusable, match=r"none\.pem"):
        listener.Listener(node_settings(tls=tls), archive)


def known_as(client: Certificate, trusted: Path) -> ClientTlsSettings:
    return ClientTlsSettings(
        ca_certificates=trusted, certificate=client.certificate, key=client.key
    )


def echo(node: Node, tls: ClientTlsSettings | None) -> float:
    peer = Peer(ae_title="HILUM", host="localhost", port=node.port, tls=tls)
    return echo_peer(peer, calling_ae_title="TESTSCU", timeout_seconds=5)


def test_an_echo_says_why_there_was_no_agreement(node: Node, stranger: Certificate) -> None:
    with pytest.raises(PeerUnavailable, match="certificate not accepted"):
        echo(node, ClientTlsSettings(ca_certificates=stranger.certificate))


def test_reports_reach_dcmtk_by_tls_and_only_whom_we_trust(
    archive: Archive,
    authority: Authority,
    server: Certificate,
    client: Certificate,
    stranger: Certificate,
    tmp_path: Path,
) -> None:
    port = free_port()
    trusted = DimseDestination(
        name="pacs",
        ae_title="PACS",
        host="127.0.0.1",
        port=port,
        tls=known_as(client, authority.certificate),
    )
    distrusted = trusted.model_copy(
        update={
            "name": "other",
            "tls": known_as(client, stranger.certificate),
        }
    )
    a_study_with_reports(archive, reports=2, destinations=("pacs", "other"))
    folder = tmp_path / "pacs"
    folder.mkdir()
    command = ["storescp", "--fork", *with_tls(authority, server), "-od", folder, str(port)]
    with running(command, log=tmp_path / "storescp.log"):
        wait_until(lambda: is_listening("127.0.0.1", port), within_seconds=10, what="storescp")
        with running_sender(archive, trusted, distrusted):
            wait_for(archive, DeliveryState.DELIVERED, 2)
            wait_until(
                lambda: all(
                    "certificate not accepted" in one.reason for one in deliveries(archive, "other")
                ),
                within_seconds=10,
                what="the reason",
            )
    assert len(list(folder.iterdir())) == 2
    assert {one.state for one in deliveries(archive, "other")} == {DeliveryState.READY}
