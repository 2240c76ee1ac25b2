"""Priors and pulls from real archives: Orthanc, and dcmtk's dcmqrscp."""

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydicom.dataset import FileDataset

from archive.account_records import AuditAction
from archive.database import Archive
from archive.records import StudyState, StudyUid
from config.settings import PeerSettings, Settings
from config.sources import SourceSettings
from dicom_node.errors import PeerUnavailable
from dicom_node.pull import Plan, Search, plan, pull
from dicom_node.query import QueryLink
from dicom_node.send import send_files
from dicom_node.sender import Peer
from dicom_node.upper_layer import prepare_pynetdicom
from tests.builders.dicom_files import radiograph, written
from tests.integration.command_line.test_start_up import hilum
from tests.integration.dicom_node.conftest import Node, node_settings, running_node
from tests.orthanc import Orthanc
from tests.processes import free_port, is_listening, running, wait_until

OLDEST, OLDER, NEWEST, NEW = "1.2.9.1", "1.2.9.2", "1.2.9.3", "1.2.9.9"
OTHERS = {
    "1.2.9.4": {"PatientID": "SAME-2"},
    "1.2.9.5": {"IssuerOfPatientID": "ELSEWHERE"},
    "1.2.9.6": {"BodyPartExamined": "HAND"},
    "1.2.9.7": {"SeriesDescription": "CHEST LATERAL"},
    "1.2.9.8": {"StudyDate": "20270101"},
}
WITHIN_SECONDS = 60


def of_patient(study_uid: str, **changes: Any) -> FileDataset:
    elements: dict[str, Any] = {
        "StudyInstanceUID": study_uid,
        "SeriesInstanceUID": f"{study_uid}.1",
        "SOPInstanceUID": f"{study_uid}.1.1",
        "PatientID": "SAME-1",
        "IssuerOfPatientID": "HERE",
    }
    return radiograph(**(elements | changes))


def history() -> list[FileDataset]:
    """What the archive has: three priors, and studies that are none of this patient's."""
    dates = {OLDEST: "20200101", OLDER: "20210101", NEWEST: "20220101"}
    priors = [of_patient(uid, StudyDate=date) for uid, date in dates.items()]
    return [*priors, *(of_patient(uid, **changes) for uid, changes in OTHERS.items())]


def put_into(peer: Peer, folder: Path, *objects: FileDataset, calling: str = "HILUM") -> None:
    answers = send_files(
        peer.host,
        peer.port,
        [written(ds, folder) for ds in objects],
        called_ae_title=peer.ae_title,
        calling_ae_title=calling,
    )
    assert all(answer.is_stored for answer in answers)


@pytest.fixture(scope="module")
def orthanc(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Orthanc]:
    folder = tmp_path_factory.mktemp("orthanc")
    with Orthanc.running(folder / "pacs") as pacs:
        pacs.add_modality("hilum", "HILUM", 11112)
        peer = Peer(ae_title=pacs.ae_title, host=pacs.host, port=pacs.port)
        put_into(peer, folder, *history())
        yield pacs


def source_of(orthanc: Orthanc, **changes: object) -> SourceSettings:
    return SourceSettings.model_validate(
        {
            "name": "pacs",
            "ae_title": orthanc.ae_title,
            "host": orthanc.host,
            "port": orthanc.port,
            **changes,
        }
    )


def settings_with(source: SourceSettings, **node: object) -> Settings:
    return node_settings(**node).model_copy(update={"sources": (source,)})


@contextlib.contextmanager
def node_with(orthanc: Orthanc, archive: Archive, source: SourceSettings) -> Iterator[Node]:
    """A node that Orthanc can reach and send to."""
    settings = settings_with(source, host=orthanc.our_host)
    peers = (
        PeerSettings(ae_title="TESTSCU", host=orthanc.our_host),
        PeerSettings(ae_title=orthanc.ae_title, host=orthanc.host),
    )
    orthanc.add_modality("hilum", "HILUM", settings.node.port)
    with running_node(settings.model_copy(update={"peers": peers}), archive) as node:
        yield node


def states(archive: Archive) -> dict[str, StudyState]:
    found, _ = archive.repository.studies(limit=50)
    return {str(one.study_uid): one.state for one in found}


@pytest.mark.peer("orthanc")
@pytest.mark.parametrize("way", ["get", "move"])
def test_the_newest_priors_of_the_same_patient_come_and_are_kept_unread(
    archive: Archive, orthanc: Orthanc, tmp_path: Path, way: str
) -> None:
    source = source_of(orthanc, retrieve=way, priors=2)
    with node_with(orthanc, archive, source) as node:
        ours = Peer(ae_title="HILUM", host=orthanc.our_host, port=node.port)
        put_into(ours, tmp_path, of_patient(NEW), calling="TESTSCU")
        kept = {NEWEST: StudyState.KEPT, OLDER: StudyState.KEPT}
        wait_until(
            lambda: states(archive) == {NEW: StudyState.QUEUED, **kept},
            within_seconds=WITHIN_SECONDS,
            what=f"two priors, {states(archive)}",
        )
    study = archive.repository.study(StudyUid(NEWEST))
    assert study.study.reason == "fetched from pacs as a prior"
    assert study.instances[0].calling_ae_title == orthanc.ae_title
    received = {
        (line.entry.study_uid, line.entry.actor)
        for line in archive.repository.audit_events(limit=100, action=AuditAction.STUDY_RECEIVED)
    }
    assert received >= {(one, f"ae:{orthanc.ae_title}") for one in (NEWEST, OLDER)}
    shown = [prior.study.study_uid for prior in archive.repository.priors(StudyUid(NEW))]
    assert shown == [NEWEST, OLDER]


def give_to_another(folder: Path, sop_instance_uid: str) -> None:
    """Change the patient in one file that an archive keeps; its index stays as it is."""
    kept = [file for file in folder.rglob("*") if file.is_file()]
    contents = {file: file.read_bytes() for file in kept}
    (changed,) = [
        file
        for file, content in contents.items()
        if content[128:132] == b"DICM" and sop_instance_uid.encode() in content
    ]
    changed.write_bytes(contents[changed].replace(b"SAME-1", b"ELSE-1"))


@pytest.mark.peer("orthanc")
@pytest.mark.parametrize("is_same", [True, False])
def test_another_patients_object_that_a_move_brings_is_kept_and_is_no_prior(
    archive: Archive, tmp_path: Path, is_same: bool
) -> None:
    """C-FIND says whose the study is; C-MOVE then sends what is on the archive's disk."""
    further = f"{NEWEST}.1.2"
    with Orthanc.running(tmp_path / "pacs", MaximumStorageCacheSize=0) as pacs:
        peer = Peer(ae_title=pacs.ae_title, host=pacs.host, port=pacs.port)
        pacs.add_modality("hilum", "HILUM", 11112)
        study = {"StudyDate": "20220101"}
        put_into(peer, tmp_path, of_patient(NEWEST, **study))
        put_into(peer, tmp_path, of_patient(NEWEST, SOPInstanceUID=further, **study))
        if not is_same:
            give_to_another(tmp_path / "pacs", further)
        source = source_of(pacs, retrieve="move", priors=1)
        with node_with(pacs, archive, source) as node:
            ours = Peer(ae_title="HILUM", host=pacs.our_host, port=node.port)
            put_into(ours, tmp_path, of_patient(NEW), calling="TESTSCU")
            wait_until(
                lambda: states(archive) == {NEW: StudyState.QUEUED, NEWEST: StudyState.KEPT},
                within_seconds=WITHIN_SECONDS,
                what="the prior",
            )
    kept = archive.repository.study(StudyUid(NEWEST))
    assert len(kept.instances) == 2
    shown = [prior.study.study_uid for prior in archive.repository.priors(StudyUid(NEW))]
    assert shown == ([NEWEST] if is_same else [])
    assert kept.study.reason == (
        "fetched from pacs as a prior"
        if is_same
        else "pacs sent another patient's study as a prior; not shown as one"
    )


@pytest.mark.peer("orthanc")
def test_an_id_with_a_wildcard_is_not_asked_for(
    archive: Archive, orthanc: Orthanc, tmp_path: Path
) -> None:
    with node_with(orthanc, archive, source_of(orthanc, priors=2)) as node:
        ours = Peer(ae_title="HILUM", host=orthanc.our_host, port=node.port)
        put_into(ours, tmp_path, of_patient(NEW, PatientID="SAME-*"), calling="TESTSCU")
        wait_until(
            lambda: archive.repository.prior_search_attempts(StudyUid(NEW)),
            within_seconds=WITHIN_SECONDS,
            what="the search",
        )
    assert states(archive) == {NEW: StudyState.QUEUED}


def pulled(archive: Archive, settings: Settings, found: Plan, count: int) -> list[int]:
    done = pull(
        settings.sources[0],
        found.planned[:count],
        settings,
        archive,
        studies_per_minute=6000,
        stop=threading.Event(),
    )
    return [one.retrieved.completed if one.retrieved else 0 for one in done]


@pytest.mark.peer("orthanc")
def test_a_pull_goes_on_where_it_was_broken_off(archive: Archive, orthanc: Orthanc) -> None:
    prepare_pynetdicom()
    orthanc.add_modality("hilum", "HILUM", 11112)
    settings = settings_with(source_of(orthanc))
    source = settings.sources[0]
    search = Search(date_range="20200101-20221231", modalities=("CR",))
    first = plan(source, search, settings, archive)
    assert [one.study.study_uid for one in first.planned] == [OLDEST, OLDER, NEWEST]
    assert pulled(archive, settings, first, 2) == [1, 1]
    again = plan(source, search, settings, archive)
    assert (again.here_already, [one.study.study_uid for one in again.planned]) == (2, [NEWEST])
    hands = Search(body_part="hand")
    assert [one.study.study_uid for one in plan(source, hands, settings, archive).planned] == [
        "1.2.9.6"
    ]


@pytest.mark.peer("orthanc")
def test_hilum_pull_says_first_and_fetches_then(orthanc: Orthanc, tmp_path: Path) -> None:
    orthanc.add_modality("hilum", "HILUM", 11112)
    site = tmp_path / "site.yaml"
    site.write_text(
        f"sources: [{{name: pacs, ae_title: {orthanc.ae_title}, host: {orthanc.host}, "
        f"port: {orthanc.port}}}]\n"
        f"archive: {{root: {tmp_path / 'files'}, database_url: 'sqlite:///{tmp_path / 'h.db'}'}}\n"
    )
    asked = ("pull", "pacs", "--from", "2022-01-01", "--to", "2022-12-31", "--config", site)
    said = hilum(*asked, "--dry-run")
    assert said.returncode == 0, said.stderr
    assert said.stdout.splitlines()[0] == "0 studies are here already, 1 to fetch"
    fetched = hilum(*asked)
    assert fetched.returncode == 0, fetched.stderr
    assert "fetched 1 studies, 0 failed" in fetched.stdout
    assert hilum("pull", "nowhere", "--config", site).returncode == 1


@contextlib.contextmanager
def dcmqrscp_running(tmp_path: Path, *, moves_to_port: int | None = None) -> Iterator[Peer]:
    """dcmtk's archive, which answers everybody and sends to HILUM only where it knows its port."""
    port, folder = free_port(), tmp_path / "qr"
    folder.mkdir()
    host = f"ours = (HILUM, 127.0.0.1, {moves_to_port})\n" if moves_to_port else ""
    configuration = tmp_path / "dcmqrscp.cfg"
    configuration.write_text(
        f"NetworkTCPPort = {port}\nMaxPDUSize = 16384\nMaxAssociations = 16\n"
        f"HostTable BEGIN\n{host}HostTable END\nVendorTable BEGIN\nVendorTable END\n"
        f"AETable BEGIN\nQRPEER {folder} RW (100, 1024mb) ANY\nAETable END\n"
    )
    with running(["dcmqrscp", "-c", configuration], log=tmp_path / "dcmqrscp.log"):
        wait_until(lambda: is_listening("127.0.0.1", port), within_seconds=20)
        yield Peer(ae_title="QRPEER", host="127.0.0.1", port=port)


@pytest.fixture
def dcmqrscp(tmp_path: Path) -> Iterator[Peer]:
    """dcmtk's archive, which knows nobody to move to."""
    with dcmqrscp_running(tmp_path) as peer:
        yield peer


@pytest.mark.peer("dcmtk")
def test_dcmtks_archive_is_asked_and_gives(
    archive: Archive, dcmqrscp: Peer, tmp_path: Path
) -> None:
    prepare_pynetdicom()
    put_into(dcmqrscp, tmp_path, of_patient(OLDER), of_patient(NEWEST, BodyPartExamined="HAND"))
    source = SourceSettings(name="qr", ae_title="QRPEER", host=dcmqrscp.host, port=dcmqrscp.port)
    settings = settings_with(source)
    found = plan(source, Search(), settings, archive)
    assert {one.study.study_uid for one in found.planned} == {OLDER, NEWEST}
    assert pulled(archive, settings, found, 2) == [1, 1]
    assert states(archive).keys() == {OLDER, NEWEST}


@pytest.mark.peer("dcmtk")
def test_a_move_to_a_title_that_the_archive_does_not_know_is_refused_in_words(
    archive: Archive, dcmqrscp: Peer, tmp_path: Path
) -> None:
    prepare_pynetdicom()
    put_into(dcmqrscp, tmp_path, of_patient(OLDER))
    source = SourceSettings(
        name="qr", ae_title="QRPEER", host=dcmqrscp.host, port=dcmqrscp.port, retrieve="move"
    )
    settings = settings_with(source)
    (done,) = pull(
        source,
        plan(source, Search(), settings, archive).planned,
        settings,
        archive,
        studies_per_minute=6000,
        stop=threading.Event(),
    )
    assert done.retrieved is None
    assert "A801" in done.problem or "destination" in done.problem.lower()


@pytest.mark.peer("dcmtk")
def test_a_peer_that_answers_no_queries_says_so(tmp_path: Path) -> None:
    prepare_pynetdicom()
    port = free_port()
    with running(["storescp", "--output-directory", tmp_path, str(port)], log=tmp_path / "log"):
        wait_until(lambda: is_listening("127.0.0.1", port), within_seconds=20)
        peer = Peer(ae_title="ANY-SCP", host="127.0.0.1", port=port)
        with (
            pytest.raises(PeerUnavailable, match="none of our presentation contexts"),
            QueryLink(peer, calling_ae_title="HILUM", timeout_seconds=10) as link,
        ):
            link.studies({})
