"""dcmtk's movescu, findscu and getscu between an archive of dcmtk's and us."""

import subprocess
from pathlib import Path

import pytest
from pydicom import dcmread

from archive.database import Archive
from archive.records import DeliveryState, StudyUid
from config.destinations import DimseDestination
from config.settings import PeerSettings
from dicom_node.sender import Peer
from dicom_node.upper_layer import prepare_pynetdicom
from tests.builders.radiographs import radiograph
from tests.builders.reports import an_ai_result
from tests.builders.reports_to_send import a_study_with_object
from tests.integration.dicom_node.conftest import node_settings, running_node
from tests.integration.dicom_node.peers import dcmtk
from tests.integration.dicom_node.test_delivering import running_sender, wait_for
from tests.integration.dicom_node.test_retrieving import (
    OLDER,
    dcmqrscp_running,
    of_patient,
    put_into,
    states,
)

pytestmark = pytest.mark.peer("dcmtk")


def asked(
    program: str, peer: Peer, *options: str | Path, level: str, keys: dict[str, str]
) -> "subprocess.CompletedProcess[str]":
    wanted = [part for key, value in keys.items() for part in ("-k", f"{key}={value}")]
    return dcmtk(
        program, "-v", "-S", "-aet", "TESTSCU", "-aec", peer.ae_title, *options,
        "-k", f"QueryRetrieveLevel={level}", *wanted, peer.host, str(peer.port),
    )  # fmt: skip


@pytest.mark.parametrize("is_known", [True, False])
def test_movescu_has_an_archive_send_to_the_node_which_takes_it_from_peers_only(
    archive: Archive, tmp_path: Path, is_known: bool
) -> None:
    prepare_pynetdicom()
    settings = node_settings()
    with dcmqrscp_running(tmp_path, moves_to_port=settings.node.port) as peer:
        put_into(peer, tmp_path, of_patient(OLDER))
        if is_known:
            known = PeerSettings(ae_title=peer.ae_title, host=peer.host)
            settings = settings.model_copy(update={"peers": (known,)})
        with running_node(settings, archive):
            moved = asked(
                "movescu", peer, "-aem", "HILUM", level="STUDY", keys={"StudyInstanceUID": OLDER}
            )
    assert (moved.returncode == 0) is is_known, moved.stderr
    assert set(states(archive)) == ({OLDER} if is_known else set())
    if is_known:
        (instance,) = archive.repository.study(StudyUid(OLDER)).instances
        assert instance.calling_ae_title == peer.ae_title


def test_a_report_of_ours_is_found_by_findscu_and_fetched_by_getscu_as_it_is(
    archive: Archive, tmp_path: Path
) -> None:
    report = an_ai_result(radiograph())
    a_study_with_object(archive, report, destinations=["pacs"])
    fetched = tmp_path / "fetched"
    fetched.mkdir()
    keys = {
        "StudyInstanceUID": str(report.StudyInstanceUID),
        "SeriesInstanceUID": str(report.SeriesInstanceUID),
        "SOPInstanceUID": str(report.SOPInstanceUID),
    }
    with dcmqrscp_running(tmp_path) as peer:
        pacs = DimseDestination(name="pacs", ae_title=peer.ae_title, host=peer.host, port=peer.port)
        with running_sender(archive, pacs):
            wait_for(archive, DeliveryState.DELIVERED)
        found = asked("findscu", peer, level="IMAGE", keys={**keys, "SOPInstanceUID": ""})
        got = asked("getscu", peer, "-od", fetched, level="IMAGE", keys=keys)
    assert found.returncode == 0, found.stderr
    assert str(report.SOPInstanceUID) in found.stdout + found.stderr
    assert got.returncode == 0, got.stderr
    (file,) = fetched.iterdir()
    kept = dcmread(file)
    assert kept == report
