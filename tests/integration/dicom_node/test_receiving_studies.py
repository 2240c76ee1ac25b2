"""Many senders at once, and when a study is complete."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from archive.records import StudyState
from tests.builders.dicom_files import STUDY_UID, radiograph, written
from tests.integration.dicom_node.conftest import Node, StartNode
from tests.integration.dicom_node.peers import associated, dcmtk, incoming_is_empty, storescu
from tests.processes import wait_until


@pytest.mark.peer("dcmtk")
def test_ten_associations_at_once_lose_nothing(node: Node, tmp_path: Path) -> None:
    each = 100
    folders = []
    for sender in range(10):
        folder = tmp_path / f"sender{sender}"
        folder.mkdir()
        for number in range(each):
            study = f"{STUDY_UID}.{sender}"
            written(radiograph(rows=8, columns=12, StudyInstanceUID=study), folder, f"{number}.dcm")
        folders.append(folder)
    with ThreadPoolExecutor(10) as pool:
        done = list(pool.map(lambda folder: storescu(node, "+sd", "+r", folder), folders))
    assert [one.returncode for one in done] == [0] * 10
    for sender in range(10):
        assert len(node.study(f"{STUDY_UID}.{sender}").instances) == each
    assert incoming_is_empty(node.archive)


@pytest.mark.peer("dcmtk")
def test_an_echo_is_answered_while_others_send(node: Node, tmp_path: Path) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(30):
        written(radiograph(rows=1000, columns=1000), folder, f"{number}.dcm")
    with ThreadPoolExecutor(4) as pool:
        sending = [pool.submit(storescu, node, "+sd", folder) for _ in range(4)]
        answered = 0
        while not all(one.done() for one in sending):
            assert (
                dcmtk(
                    "echoscu", "-to", "5", "-aec", "HILUM", "127.0.0.1", str(node.port)
                ).returncode
                == 0
            )
            answered += 1
    assert answered
    assert [one.result().returncode for one in sending] == [0] * 4


def test_a_study_is_complete_once_its_association_is_gone_and_quiet(
    node: Node, tmp_path: Path
) -> None:
    association = associated(node)
    association.send_c_store(written(radiograph(), tmp_path))
    received_at = node.study().study.last_received_at
    # Longer than the quiet period: the association is open, so the study is not complete.
    wait_until(
        lambda: _now(node) - received_at.timestamp() > 1.0, within_seconds=5, what="a second"
    )
    assert node.study().study.state is StudyState.RECEIVING
    association.release()
    wait_until(
        lambda: node.study().study.state is StudyState.QUEUED,
        within_seconds=5,
        what="the study being complete",
    )


def test_however_slow_the_archive_is_an_open_study_is_not_complete(
    start_node: StartNode, tmp_path: Path
) -> None:
    """With no quiet period at all each tick comes too late, as after a stall of the disk."""
    node = start_node(quiet_period_seconds=0)
    association = associated(node)
    association.send_c_store(written(radiograph(), tmp_path))
    received_at = node.study().study.last_received_at
    wait_until(
        lambda: _now(node) - received_at.timestamp() > 1.0, within_seconds=20, what="some ticks"
    )
    assert node.study().study.state is StudyState.RECEIVING
    association.release()
    wait_until(
        lambda: node.study().study.state is StudyState.QUEUED,
        within_seconds=20,
        what="the study being complete",
    )


def _now(node: Node) -> float:
    return node.archive.repository.beats()[0].beat_at.timestamp()


def test_an_urgent_study_is_marked_as_such(node: Node, tmp_path: Path) -> None:
    assert node.send(written(radiograph(RequestedProcedurePriority="STAT"), tmp_path))[0].is_stored
    assert node.study().study.priority == 2
