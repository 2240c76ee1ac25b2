"""How reports reach a DICOMweb server: what its answers mean, who it is, and Orthanc's plugin."""

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread

from archive.database import Archive
from archive.records import DeliveryState, Report
from config.destinations import ClientTlsSettings, StowDestination
from dicom_node.answers import Answer
from dicom_node.demo_pacs import ORTHANC_HTTP_PORT, host_of_its_own, orthanc_on
from dicom_node.errors import PeerUnavailable
from dicom_node.statuses import DeliveryVerdict
from dicom_node.stow import StowLink
from tests.builders.arrivals import an_instance_key
from tests.builders.certificates import Authority
from tests.builders.reports_to_send import a_consignment, a_study_with_reports, report_file
from tests.integration.dicom_node.test_delivering import deliveries, running_sender, wait_for
from tests.integration.dicom_node.web_pacs import WebPacs, web_pacs
from tests.orthanc import DICOMWEB_PLUGIN, Orthanc
from tests.processes import wait_until

CONSIGNMENT = a_consignment(report_file(an_instance_key(1, 900)))
UID = CONSIGNMENT.claim.sop_instance_uid
TIMEOUT_SECONDS = 5.0


def destination(url: str, **settings: Any) -> StowDestination:
    return StowDestination(name="web", url=url, **settings)


def stored(uid: str = UID, **reasons: int) -> dict[str, Any]:
    return {"00081199": {"vr": "SQ", "Value": [_item(uid, **reasons)]}}


def failed(uid: str = UID, **reasons: int) -> dict[str, Any]:
    # As Orthanc does, the other sequence is there and empty.
    return {"00081198": {"vr": "SQ", "Value": [_item(uid, **reasons)]}, "00081199": {"vr": "SQ"}}


def _item(uid: str, **reasons: int) -> dict[str, Any]:
    tags = {"warning": "00081196", "failure": "00081197"}
    return {
        "00081155": {"vr": "UI", "Value": [uid]},
        **{tags[name]: {"vr": "US", "Value": [code]} for name, code in reasons.items()},
    }


@pytest.fixture
def pacs() -> Iterator[WebPacs]:
    with web_pacs() as running:
        yield running


def answer_to(pacs: WebPacs, status: int, body: Any) -> Answer:
    pacs.status, pacs.body = status, body
    link = StowLink(
        destination(f"http://127.0.0.1:{pacs.port}/dicom-web/"), timeout_seconds=TIMEOUT_SECONDS
    )
    try:
        return link.send(CONSIGNMENT)
    finally:
        link.close()


@pytest.mark.parametrize(
    ("http_status", "body", "verdict", "dicom_status"),
    [
        (200, stored(), DeliveryVerdict.DELIVERED, 0x0000),
        (200, [stored()], DeliveryVerdict.DELIVERED, 0x0000),
        (202, stored(warning=0xB000), DeliveryVerdict.DELIVERED_WITH_WARNING, 0xB000),
        (409, failed(failure=0x0111), DeliveryVerdict.DELIVERED_WITH_WARNING, 0x0111),
        (409, failed(failure=0xA700), DeliveryVerdict.PEER_IS_FULL, 0xA700),
        (409, failed(failure=0xA900), DeliveryVerdict.REFUSED, 0xA900),
        (202, failed(failure=0xC122), DeliveryVerdict.REFUSED, 0xC122),
        (409, failed(failure=0x0110), DeliveryVerdict.TRY_AGAIN, 0x0110),
        # A failure that gives no reason, or that of success, stays a failure.
        (202, failed(), DeliveryVerdict.TRY_AGAIN, 0x0110),
        (200, failed(failure=0), DeliveryVerdict.TRY_AGAIN, 0x0110),
        # Nothing, or something else, is said of our object.
        (200, None, DeliveryVerdict.TRY_AGAIN, None),
        (200, "thanks", DeliveryVerdict.TRY_AGAIN, None),
        (200, {"00081199": {"Value": "much"}}, DeliveryVerdict.TRY_AGAIN, None),
        (200, stored("1.2.3.4"), DeliveryVerdict.TRY_AGAIN, None),
        (409, failed("1.2.3.4", failure=0xA900), DeliveryVerdict.TRY_AGAIN, None),
        (500, None, DeliveryVerdict.TRY_AGAIN, None),
        (400, None, DeliveryVerdict.REFUSED, None),
        (415, None, DeliveryVerdict.REFUSED, None),
    ],
)
def test_an_answer_counts_for_what_it_says_of_our_object(
    pacs: WebPacs, http_status: int, body: Any, verdict: DeliveryVerdict, dicom_status: int | None
) -> None:
    answer = answer_to(pacs, http_status, body)
    assert (answer.verdict, answer.dicom_status) == (verdict, dicom_status)
    if http_status != 200 or verdict is not DeliveryVerdict.DELIVERED:
        assert answer.reason


@pytest.mark.parametrize("http_status", [301, 401, 403, 404, 429, 502, 503])
def test_what_every_object_would_hear_says_nothing_of_ours(pacs: WebPacs, http_status: int) -> None:
    with pytest.raises(PeerUnavailable, match=f"HTTP {http_status}"):
        answer_to(pacs, http_status, None)


def test_the_object_travels_byte_for_byte(pacs: WebPacs) -> None:
    answer_to(pacs, 200, stored())
    ((path, headers, content),) = pacs.requests
    assert path == "/dicom-web/studies"
    boundary = headers["Content-Type"].rpartition("boundary=")[2].encode()
    head, _, rest = content.partition(b"\r\n\r\n")
    assert head == b"--" + boundary + b"\r\nContent-Type: application/dicom"
    assert rest == CONSIGNMENT.content + b"\r\n--" + boundary + b"--\r\n"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.new(tmp_path_factory.mktemp("authority"))


@pytest.mark.peer("openssl")
def test_a_server_and_we_know_each_other_by_certificate_and_secret(
    authority: Authority, tmp_path: Path
) -> None:
    server, client = authority.sign("server"), authority.sign("client")
    token = tmp_path / "token"
    token.write_text("first\n")
    with web_pacs(server, clients=authority) as pacs:
        pacs.body = stored()
        tls = ClientTlsSettings(
            ca_certificates=authority.certificate, certificate=client.certificate, key=client.key
        )
        url = f"https://localhost:{pacs.port}/rs"
        link = StowLink(
            destination(url, tls=tls, bearer_token_file=token), timeout_seconds=TIMEOUT_SECONDS
        )
        assert link.send(CONSIGNMENT).verdict is DeliveryVerdict.DELIVERED
        token.write_text("second\n")
        link.send(CONSIGNMENT)
        link.close()
        basic = StowLink(
            destination(url, tls=tls, username="hilum", password_file=token),
            timeout_seconds=TIMEOUT_SECONDS,
        )
        basic.send(CONSIGNMENT)
        basic.close()
        nameless = StowLink(
            destination(url, tls=ClientTlsSettings(ca_certificates=authority.certificate)),
            timeout_seconds=TIMEOUT_SECONDS,
        )
        with pytest.raises(PeerUnavailable):
            nameless.send(CONSIGNMENT)
        nameless.close()
    said = [headers.get("Authorization") for _, headers, _ in pacs.requests]
    assert said == ["Bearer first", "Bearer second", "Basic aGlsdW06c2Vjb25k"]


@pytest.mark.peer("openssl")
def test_nothing_is_told_to_a_server_of_another_authority(
    authority: Authority, tmp_path: Path
) -> None:
    stranger = Authority.new(tmp_path / "stranger").sign("server")
    token = tmp_path / "token"
    token.write_text("secret")
    with web_pacs(stranger) as pacs:
        link = StowLink(
            destination(
                f"https://localhost:{pacs.port}/rs",
                tls=ClientTlsSettings(ca_certificates=authority.certificate),
                bearer_token_file=token,
            ),
            timeout_seconds=TIMEOUT_SECONDS,
        )
        with pytest.raises(PeerUnavailable, match="certificate verify failed"):
            link.send(CONSIGNMENT)
        link.close()
    assert pacs.requests == []


def test_a_secret_or_certificate_that_is_missing_is_said_and_nothing_is_sent(
    pacs: WebPacs, tmp_path: Path
) -> None:
    url = f"http://127.0.0.1:{pacs.port}"
    for settings in (
        {"bearer_token_file": tmp_path / "none"},
        {"tls": ClientTlsSettings(ca_certificates=tmp_path / "none")},
    ):
        link = StowLink(destination(url, **settings), timeout_seconds=TIMEOUT_SECONDS)
        with pytest.raises(PeerUnavailable, match="none"):
            link.send(CONSIGNMENT)
        link.close()
    assert pacs.requests == []


def test_a_server_that_never_answers_does_not_keep_the_sender_from_stopping(
    archive: Archive, pacs: WebPacs
) -> None:
    a_study_with_reports(archive, destinations=("web",))
    pacs.may_answer.clear()
    with running_sender(archive, destination(f"http://127.0.0.1:{pacs.port}")):
        wait_until(lambda: pacs.requests, within_seconds=10, what="the request")
    assert deliveries(archive, "web")[0].state is DeliveryState.READY


@pytest.fixture(scope="module")
def orthanc(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Orthanc]:
    with Orthanc.running(tmp_path_factory.mktemp("orthanc")) as server:
        yield server


def as_kept(archive: Archive, report: Report) -> bytes:
    return archive.files.read(report.file_key)


@pytest.mark.peer("orthanc")
def test_reports_reach_orthanc_by_stow_and_come_back_identical(
    archive: Archive, orthanc: Orthanc
) -> None:
    reports = a_study_with_reports(archive, study=21, reports=2, destinations=("web",))
    web = destination(f"{orthanc.pacs.url}/dicom-web")
    with running_sender(archive, web):
        wait_for(archive, DeliveryState.DELIVERED, 2, name="web")
        # Once more, as after a crash between the answer and the row: harmless.
        archive.repository.replay_deliveries(
            [one.delivery_id for one in deliveries(archive, "web")]
        )
        wait_for(archive, DeliveryState.DELIVERED, 2, name="web")
    assert len(orthanc.reports_of_study("1.2.3.21")) == 2
    for report in reports:
        kept = dcmread(BytesIO(orthanc.file_of(report.key.sop_instance_uid)))
        assert kept == dcmread(BytesIO(as_kept(archive, report)))
    assert [one.dicom_status for one in deliveries(archive, "web")] == [0, 0]


@pytest.mark.peer("orthanc")
def test_what_orthanc_cannot_read_is_given_up_and_does_not_hold_back_the_rest(
    archive: Archive, orthanc: Orthanc
) -> None:
    bad, good = a_study_with_reports(archive, study=22, reports=2, destinations=("web",))
    link = StowLink(destination(f"{orthanc.pacs.url}/dicom-web"), timeout_seconds=TIMEOUT_SECONDS)
    consignment = a_consignment(as_kept(archive, bad))
    broken = type(consignment)(claim=consignment.claim, content=b"no DICOM at all")
    assert link.send(broken).verdict is not DeliveryVerdict.DELIVERED
    assert link.send(a_consignment(as_kept(archive, good))).verdict is DeliveryVerdict.DELIVERED
    assert link.probe() > 0
    link.close()


@pytest.mark.peer("orthanc")
def test_a_server_that_was_down_gets_everything_once_it_is_back(
    archive: Archive, tmp_path: Path
) -> None:
    plugins = [str(DICOMWEB_PLUGIN)]
    a_study_with_reports(archive, 1, reports=2, destinations=("web",))
    with host_of_its_own() as host:
        web = destination(f"http://{host.address}:{ORTHANC_HTTP_PORT}/dicom-web")
        with running_sender(archive, web):
            wait_until(
                lambda: all("no answer" in one.reason for one in deliveries(archive, "web")),
                within_seconds=10,
                what="the reason on every delivery",
            )
            with orthanc_on(host, tmp_path / "orthanc", Plugins=plugins):
                wait_for(archive, DeliveryState.DELIVERED, 2, name="web")
            a_study_with_reports(archive, 2, destinations=("web",))
            wait_until(
                lambda: "no answer" in deliveries(archive, "web")[2].reason,
                within_seconds=10,
                what="the reason on the third",
            )
            with orthanc_on(host, tmp_path / "orthanc", Plugins=plugins) as pacs:
                wait_for(archive, DeliveryState.DELIVERED, 3, name="web")
                assert [len(pacs.objects_of(f"1.2.3.{study}")) for study in (1, 2)] == [2, 1]
