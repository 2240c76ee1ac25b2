"""Storage commitment: by Orthanc, and by a PACS that answers as the test says."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from pydicom.dataset import Dataset
from pydicom.uid import Comprehensive3DSRStorage, ExplicitVRLittleEndian
from pynetdicom import AE, build_role, evt
from pynetdicom.association import Association
from pynetdicom.events import Event
from pynetdicom.sop_class import (  # type: ignore[attr-defined]  # made at import
    StorageCommitmentPushModel,
    StorageCommitmentPushModelInstance,
)

from archive.database import Archive
from archive.records import DeliveryState
from config.destinations import DimseDestination
from config.settings import PeerSettings, Settings
from tests.builders.reports_to_send import a_study_with_reports
from tests.integration.dicom_node.conftest import Node, node_settings, running_node
from tests.integration.dicom_node.test_delivering import (
    deliveries,
    running_sender,
    sender_settings,
    wait_for,
)
from tests.orthanc import Orthanc
from tests.processes import free_port, wait_until

COMMITTED, GAVE_UP = DeliveryState.COMMITTED, DeliveryState.GAVE_UP


def committing(port: int, host: str = "127.0.0.1", ae_title: str = "PACS") -> DimseDestination:
    return DimseDestination(
        name="pacs", ae_title=ae_title, host=host, port=port, storage_commitment=True
    )


@contextlib.contextmanager
def a_sender(archive: Archive, destination: DimseDestination, **delivery: float) -> Iterator[None]:
    settings = sender_settings(destination)
    changed = settings.delivery.model_copy(update=delivery)
    with running_sender(archive, settings=settings.model_copy(update={"delivery": changed})):
        yield


@pytest.fixture(scope="module")
def orthanc(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Orthanc]:
    with Orthanc.running(tmp_path_factory.mktemp("orthanc")) as server:
        yield server


def node_beside(orthanc: Orthanc) -> Settings:
    """A node that Orthanc can call, and whom it may call."""
    settings = node_settings(host=orthanc.our_host)
    peers = (PeerSettings(ae_title=orthanc.ae_title, host=orthanc.host),)
    return settings.model_copy(update={"peers": peers})


@pytest.mark.peer("orthanc")
def test_orthanc_commits_to_keep_our_reports(archive: Archive, orthanc: Orthanc) -> None:
    settings = node_beside(orthanc)
    orthanc.add_modality("hilum", "HILUM", settings.node.port)
    a_study_with_reports(archive, study=31, reports=3)
    there = committing(orthanc.port, orthanc.host, orthanc.ae_title)
    with running_node(settings, archive), a_sender(archive, there):
        wait_for(archive, COMMITTED, 3)
    assert {one.reason for one in deliveries(archive)} == {""}


@pytest.mark.peer("orthanc")
def test_orthanc_says_what_it_does_not_keep(archive: Archive, orthanc: Orthanc) -> None:
    settings = node_beside(orthanc)
    orthanc.add_modality("hilum", "HILUM", settings.node.port)
    a_study_with_reports(archive, study=32, reports=2)
    # Delivered as far as we know, and never seen by Orthanc.
    for claim in archive.repository.claim_deliveries("s", "pacs", limit=2, lease_seconds=60):
        archive.repository.mark_delivered(claim, dicom_status=0)
    there = committing(orthanc.port, orthanc.host, orthanc.ae_title)
    with running_node(settings, archive), a_sender(archive, there):
        wait_for(archive, GAVE_UP, 2)
        assert {one.dicom_status for one in deliveries(archive)} == {0x0112}
        assert "no such object instance" in deliveries(archive)[0].reason
        # What an administrator does about it.
        archive.repository.replay_deliveries([one.delivery_id for one in deliveries(archive)])
        wait_for(archive, COMMITTED, 2)


@dataclass(kw_only=True)
class Pacs:
    """A PACS whose commitment the test decides."""

    port: int = field(default_factory=free_port)
    answer: Callable[[Event, "Pacs"], int] = lambda _event, _pacs: 0
    asked: list[Dataset] = field(default_factory=list)
    reported: list[int | None] = field(default_factory=list)

    def report_on(self, association: Association, action: Dataset, *failed: int) -> None:
        """Say what is kept: all, or with a reason per object nothing."""
        references = action.ReferencedSOPSequence
        report = Dataset()
        report.TransactionUID = action.TransactionUID
        report.ReferencedSOPSequence = [] if failed else references
        if failed:
            for item, reason in zip(references, failed, strict=True):
                item.FailureReason = reason
            report.FailedSOPSequence = references
        answer, _ = association.send_n_event_report(
            report,
            2 if failed else 1,
            StorageCommitmentPushModel,
            StorageCommitmentPushModelInstance,
        )
        self.reported.append(answer.get("Status"))

    def report_to(self, node: Node, action: Dataset, *failed: int) -> None:
        """Say it on an association of its own."""
        ae = AE(ae_title="TESTSCU")
        ae.add_requested_context(StorageCommitmentPushModel)
        association = ae.associate(
            "127.0.0.1",
            node.port,
            ae_title="HILUM",
            ext_neg=[build_role(StorageCommitmentPushModel, scp_role=True)],
        )
        assert association.is_established
        self.report_on(association, action, *failed)
        association.release()


@contextlib.contextmanager
def running_pacs(pacs: Pacs) -> Iterator[Pacs]:
    ae = AE(ae_title="PACS")
    ae.add_supported_context(Comprehensive3DSRStorage, ExplicitVRLittleEndian)
    ae.add_supported_context(StorageCommitmentPushModel)

    def act(event: Event) -> tuple[int, None]:
        pacs.asked.append(event.action_information)
        return pacs.answer(event, pacs), None

    handlers: list[evt.EventHandlerType] = [
        (evt.EVT_C_STORE, lambda _event: 0),
        (evt.EVT_N_ACTION, act),
    ]
    server = ae.start_server(("127.0.0.1", pacs.port), block=False, evt_handlers=handlers)
    assert server is not None
    try:
        yield pacs
    finally:
        ae.shutdown()


def on_the_same_association(*failed: int) -> Callable[[Event, Pacs], int]:
    def answer(event: Event, pacs: Pacs) -> int:
        action, association = event.action_information, event.assoc
        threading.Thread(
            target=lambda: pacs.report_on(association, action, *failed), daemon=True
        ).start()
        return 0

    return answer


def test_a_report_on_the_same_association_is_taken(archive: Archive) -> None:
    a_study_with_reports(archive, reports=2)
    with (
        running_pacs(Pacs(answer=on_the_same_association())) as pacs,
        a_sender(archive, committing(pacs.port)),
    ):
        wait_for(archive, COMMITTED, 2)
        wait_until(lambda: pacs.reported, within_seconds=5, what="our answer")
    assert set(pacs.reported) == {0x0000}


def test_objects_that_are_not_kept_are_given_up_with_the_reason(archive: Archive) -> None:
    a_study_with_reports(archive)
    with (
        running_pacs(Pacs(answer=on_the_same_association(0x0213))) as pacs,
        a_sender(archive, committing(pacs.port)),
    ):
        wait_for(archive, GAVE_UP)
    (delivery,) = deliveries(archive)
    assert (delivery.dicom_status, delivery.reason) == (
        0x0213,
        "not committed: 0x0213 resource limitation",
    )


def test_a_report_that_comes_before_the_answer_to_the_request_counts(
    archive: Archive, tmp_path: Path
) -> None:
    a_study_with_reports(archive)
    with running_node(node_settings(), archive) as node:

        def hasty(event: Event, pacs: Pacs) -> int:
            pacs.report_to(node, event.action_information)
            return 0

        with (
            running_pacs(Pacs(answer=hasty)) as pacs,
            a_sender(archive, committing(pacs.port)),
        ):
            wait_for(archive, COMMITTED)
    assert pacs.reported == [0x0000]


def test_a_pacs_that_refuses_to_commit_is_asked_again_and_then_given_up(
    archive: Archive,
) -> None:
    a_study_with_reports(archive)
    with (
        running_pacs(Pacs(answer=lambda _event, _pacs: 0x0110)) as pacs,
        a_sender(archive, committing(pacs.port), commitment_attempts=2),
    ):
        wait_for(archive, GAVE_UP)
    assert len(pacs.asked) == 2
    assert deliveries(archive)[0].reason == "not committed: 0x0110 processing failure"


def test_a_pacs_that_never_reports_is_given_up_and_may_still_speak_late(
    archive: Archive,
) -> None:
    a_study_with_reports(archive)
    with running_node(node_settings(), archive) as node:
        silent = Pacs(answer=lambda event, _pacs: _hang_up(event))
        with (
            running_pacs(silent) as pacs,
            a_sender(
                archive,
                committing(pacs.port),
                commitment_timeout_seconds=0.2,
                commitment_attempts=2,
            ),
        ):
            wait_for(archive, GAVE_UP)
            assert "no answer for 0.2 s" in deliveries(archive)[0].reason
            pacs.report_to(node, pacs.asked[-1])
            wait_for(archive, COMMITTED)
            unknown = pacs.asked[-1]
            unknown.TransactionUID = "2.25.4711"
            pacs.report_to(node, unknown)
    assert pacs.reported == [0x0000, 0x0115]


def _hang_up(event: Event) -> int:
    """Take the request and end the association, so that no report can come on it."""
    threading.Timer(0.1, event.assoc.abort).start()
    return 0


def test_a_report_without_sense_is_refused_and_the_node_goes_on(archive: Archive) -> None:
    with running_node(node_settings(), archive) as node:
        nonsense = Dataset()
        nonsense.TransactionUID = ""
        nonsense.ReferencedSOPSequence = []
        pacs = Pacs()
        pacs.report_to(node, nonsense)
        long = Dataset()
        long.TransactionUID = "2.25.1"
        long.ReferencedSOPSequence = []
        long.RetrieveURL = "u" * (2 << 20)
        pacs.report_to(node, long)
        pacs.report_to(node, nonsense)
        assert list(archive.files.incoming.iterdir()) == []
    assert pacs.reported == [0x0115, 0x0115, 0x0115]
