"""How reports reach a PACS: dcmtk's storescp in its good and bad moods, and Orthanc."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.uid import ComprehensiveSRStorage, EnhancedSRStorage, ExplicitVRLittleEndian
from pynetdicom import AE, evt
from pynetdicom.events import Event
from pynetdicom.transport import ThreadedAssociationServer

from archive.database import Archive
from archive.records import Delivery, DeliveryState
from config.destinations import Destination, DimseDestination
from config.settings import Settings, load_settings
from dicom_node import delivery
from inference.report.regions import segmentation
from tests.builders.radiographs import radiograph
from tests.builders.reports import MADE_AT, an_author
from tests.builders.reports_to_send import a_study_with_object, a_study_with_reports
from tests.orthanc import Orthanc
from tests.processes import free_port, is_listening, running, wait_until


def destination(port: int, name: str = "pacs", host: str = "127.0.0.1") -> DimseDestination:
    return DimseDestination(name=name, ae_title="PACS", host=host, port=port)


def sender_settings(*destinations: Destination) -> Settings:
    settings = load_settings()
    fast = {"first_retry_seconds": 0.2, "longest_retry_seconds": 0.5, "timeout_seconds": 5}
    return settings.model_copy(
        update={
            "destinations": destinations,
            "delivery": settings.delivery.model_copy(update=fast),
        }
    )


@contextlib.contextmanager
def running_sender(
    archive: Archive, *destinations: Destination, settings: Settings | None = None
) -> Iterator[None]:
    """A sender for the time of a block; fails when it does not stop."""
    stop, ready = threading.Event(), threading.Event()
    settings = settings or sender_settings(*destinations)
    thread = threading.Thread(
        target=delivery.run, args=(settings, archive, stop, ready.set), daemon=True
    )
    thread.start()
    assert ready.wait(10)
    try:
        yield
    finally:
        stop.set()
        thread.join(12)
        assert not thread.is_alive(), "the sender did not stop"


@contextlib.contextmanager
def storescp(folder: Path, port: int, *options: str) -> Iterator[Path]:
    """dcmtk's receiver; objects appear in `folder`."""
    folder.mkdir(exist_ok=True)
    command = ["storescp", "-v", "-aet", "PACS", "-od", str(folder), *options, str(port)]
    with running(command, log=folder.parent / f"{folder.name}.log"):
        wait_until(lambda: is_listening("127.0.0.1", port), within_seconds=10, what="storescp")
        yield folder


Answer = Callable[[Event], int]


@contextlib.contextmanager
def answering_pacs(port: int, answer: Answer, *sop_classes: str) -> Iterator[list[Event]]:
    """A receiver whose answers the test chooses; yields the requests it got."""
    ae = AE(ae_title="PACS")
    for sop_class in sop_classes or ("1.2.840.10008.5.1.4.1.1.88.34",):
        ae.add_supported_context(sop_class, ExplicitVRLittleEndian)
    got: list[Event] = []

    def handle(event: Event) -> int:
        got.append(event)
        return answer(event)

    server = ae.start_server(
        ("127.0.0.1", port), block=False, evt_handlers=[(evt.EVT_C_STORE, handle)]
    )
    assert isinstance(server, ThreadedAssociationServer)
    try:
        yield got
    finally:
        ae.shutdown()


def deliveries(archive: Archive, name: str = "pacs") -> list[Delivery]:
    found = archive.repository.deliveries(destination=name)
    return sorted(found, key=lambda one: one.delivery_id)


def wait_for(archive: Archive, state: DeliveryState, count: int = 1, name: str = "pacs") -> None:
    wait_until(
        lambda: [one.state for one in deliveries(archive, name)] == [state] * count,
        within_seconds=20,
        what=f"{count} deliveries {state} to {name}",
    )


@pytest.mark.peer("dcmtk")
def test_reports_reach_dcmtk_unchanged(archive: Archive, tmp_path: Path) -> None:
    port = free_port()
    reports = a_study_with_reports(archive, reports=3)
    with storescp(tmp_path / "pacs", port) as folder, running_sender(archive, destination(port)):
        wait_for(archive, DeliveryState.DELIVERED, 3)
        received = {ds.SOPInstanceUID: ds for ds in map(dcmread, folder.iterdir())}
    for report in reports:
        assert received[report.key.sop_instance_uid] == dcmread(
            archive.files.path_of(report.file_key)
        )


@pytest.mark.peer("orthanc")
def test_reports_reach_orthanc_once_in_their_study(archive: Archive, orthanc: Orthanc) -> None:
    a_study_with_reports(archive, study=7, reports=2)
    there = destination(orthanc.port, host=orthanc.host).model_copy(
        update={"ae_title": orthanc.ae_title}
    )
    with running_sender(archive, there):
        wait_for(archive, DeliveryState.DELIVERED, 2)
        # Sent once more, as after a crash between the answer and the row: harmless.
        archive.repository.replay_deliveries([one.delivery_id for one in deliveries(archive)])
        wait_for(archive, DeliveryState.DELIVERED, 2)
    assert len(orthanc.reports_of_study("1.2.3.7")) == 2


@pytest.mark.peer("dcmtk")
def test_a_pacs_that_is_down_gets_everything_in_order_once_it_is_back(
    archive: Archive, tmp_path: Path
) -> None:
    port = free_port()
    for study in (1, 2):
        a_study_with_reports(archive, study, reports=2)
    with running_sender(archive, destination(port)):
        wait_until(
            lambda: all("nobody answers" in one.reason for one in deliveries(archive)),
            within_seconds=10,
            what="the reason on every delivery",
        )
        assert {one.state for one in deliveries(archive)} <= {
            DeliveryState.READY,
            DeliveryState.SENDING,
        }
        with storescp(tmp_path / "pacs", port):
            wait_for(archive, DeliveryState.DELIVERED, 4)
    order = [one.delivered_at for one in deliveries(archive)]
    assert order == sorted(order, key=str)


@pytest.mark.peer("dcmtk")
@pytest.mark.parametrize("mood", ["--refuse", "--abort-after", "--abort-during"])
def test_a_pacs_in_a_bad_mood_never_counts_as_delivered(
    archive: Archive, tmp_path: Path, mood: str
) -> None:
    port = free_port()
    a_study_with_reports(archive)
    with running_sender(archive, destination(port)):
        with storescp(tmp_path / "bad", port, mood):
            wait_until(
                lambda: deliveries(archive)[0].reason not in ("", "the sender was stopped"),
                within_seconds=15,
                what="a reason",
            )
            assert deliveries(archive)[0].state is not DeliveryState.DELIVERED
            assert deliveries(archive)[0].dicom_status is None
        with storescp(tmp_path / "good", port) as folder:
            wait_for(archive, DeliveryState.DELIVERED)
            assert len(list(folder.iterdir())) == 1


def test_a_full_pacs_is_tried_again_until_it_takes_the_report(archive: Archive) -> None:
    port = free_port()
    a_study_with_reports(archive)
    is_full = threading.Event()
    is_full.set()
    with (
        answering_pacs(port, lambda _event: 0xA700 if is_full.is_set() else 0x0000),
        running_sender(archive, destination(port)),
    ):
        wait_until(
            lambda: deliveries(archive)[0].dicom_status == 0xA700,
            within_seconds=10,
            what="0xA700",
        )
        assert deliveries(archive)[0].state is not DeliveryState.DELIVERED
        is_full.clear()
        wait_for(archive, DeliveryState.DELIVERED)
    assert deliveries(archive)[0].attempt > 1


@pytest.mark.parametrize("status", [0xA900, 0xC000])
def test_a_pacs_that_refuses_makes_the_delivery_give_up_visibly(
    archive: Archive, status: int
) -> None:
    port = free_port()
    a_study_with_reports(archive)
    with (
        answering_pacs(port, lambda _event: status) as got,
        running_sender(archive, destination(port)),
    ):
        wait_for(archive, DeliveryState.GAVE_UP)
    assert deliveries(archive)[0].dicom_status == status
    assert len(got) == 1


def test_the_association_is_kept_for_the_next_report(archive: Archive) -> None:
    port = free_port()
    opened: list[object] = []

    def note(event: Event) -> int:
        opened.append(event.assoc)
        return 0

    with answering_pacs(port, note), running_sender(archive, destination(port)):
        for study in (1, 2, 3):
            a_study_with_reports(archive, study)
            wait_for(archive, DeliveryState.DELIVERED, study)
    assert len(opened) == 3
    assert len({id(one) for one in opened}) == 1


def test_an_association_that_the_pacs_closed_is_opened_again_without_a_failure(
    archive: Archive,
) -> None:
    port = free_port()
    opened: list[Any] = []

    def note(event: Event) -> int:
        opened.append(event.assoc)
        return 0

    with answering_pacs(port, note), running_sender(archive, destination(port)):
        a_study_with_reports(archive, 1)
        wait_for(archive, DeliveryState.DELIVERED)
        opened[0].abort()
        a_study_with_reports(archive, 2)
        wait_for(archive, DeliveryState.DELIVERED, 2)
    assert [one.attempt for one in deliveries(archive)] == [1, 1]


@pytest.mark.parametrize("known", [ComprehensiveSRStorage, EnhancedSRStorage])
def test_an_older_pacs_gets_the_report_under_a_class_it_knows(archive: Archive, known: str) -> None:
    port = free_port()
    (report,) = a_study_with_reports(archive)
    with (
        answering_pacs(port, lambda _event: 0, known) as got,
        running_sender(archive, destination(port)),
    ):
        wait_for(archive, DeliveryState.DELIVERED)
        sent = got[0].dataset
    assert sent.SOPClassUID == known
    assert sent.SOPInstanceUID == report.key.sop_instance_uid
    original = dcmread(archive.files.path_of(report.file_key))
    original.SOPClassUID = known
    assert sent == original
    assert known in deliveries(archive)[0].reason


def test_a_dead_destination_does_not_delay_a_living_one(archive: Archive) -> None:
    port = free_port()
    for study in range(1, 6):
        a_study_with_reports(archive, study, destinations=("dead", "pacs"))
    with (
        answering_pacs(port, lambda _event: 0),
        running_sender(archive, destination(free_port(), "dead"), destination(port)),
    ):
        wait_for(archive, DeliveryState.DELIVERED, 5)
        wait_until(
            lambda: all(one.reason for one in deliveries(archive, "dead")),
            within_seconds=10,
            what="the reason on every delivery to the dead destination",
        )
        wait_until(
            lambda: any("dead" in beat.detail for beat in archive.repository.beats()),
            within_seconds=5,
            what="the sender saying which destination is away",
        )
    assert {one.state for one in deliveries(archive, "dead")} == {DeliveryState.READY}


def test_a_pacs_that_never_answers_does_not_keep_the_sender_from_stopping(
    archive: Archive,
) -> None:
    port = free_port()
    a_study_with_reports(archive)
    release = threading.Event()

    def hang(_event: Event) -> int:
        release.wait(20)
        return 0

    with answering_pacs(port, hang) as got:
        with running_sender(archive, destination(port)):
            wait_until(lambda: got, within_seconds=10, what="the request")
        release.set()
    assert deliveries(archive)[0].state is DeliveryState.READY


def test_two_senders_on_one_archive_send_each_report_once(archive: Archive) -> None:
    port = free_port()
    for study in range(1, 21):
        a_study_with_reports(archive, study)
    with (
        answering_pacs(port, lambda _event: 0) as got,
        running_sender(archive, destination(port)),
        running_sender(archive, destination(port)),
    ):
        wait_for(archive, DeliveryState.DELIVERED, 20)
    uids = [event.request.AffectedSOPInstanceUID for event in got]  # type: ignore[union-attr]
    assert len(uids) == len(set(uids)) == 20


def test_a_destination_gets_as_many_associations_at_once_as_its_settings_say(
    archive: Archive,
) -> None:
    port = free_port()
    for study in range(1, 7):
        a_study_with_reports(archive, study)
    together = threading.Barrier(3)

    def answer_when_three_are_here(_event: Event) -> int:
        together.wait(10)
        return 0

    several = destination(port).model_copy(update={"connections": 3})
    settings = sender_settings(several)
    one_each = settings.delivery.model_copy(update={"batch_size": 1})
    with (
        answering_pacs(port, answer_when_three_are_here) as got,
        running_sender(archive, settings=settings.model_copy(update={"delivery": one_each})),
    ):
        wait_for(archive, DeliveryState.DELIVERED, 6)
    assert len({id(event.assoc) for event in got}) == 3
    assert len(got) == 6


@pytest.mark.peer("dcmtk")
@pytest.mark.parametrize("option", ["+xe", "+xi"], ids=["explicit", "implicit"])
def test_a_pacs_without_rle_gets_the_same_segmentation_uncompressed(
    archive: Archive, tmp_path: Path, option: str
) -> None:
    source, heat = radiograph(), np.eye(7, dtype=np.float32)
    ds = segmentation(source, heat, an_author(), made_at=MADE_AT)
    report = a_study_with_object(archive, ds)
    kept = dcmread(archive.files.path_of(report.file_key))
    port = free_port()
    with (
        storescp(tmp_path / "pacs", port, option) as folder,
        running_sender(archive, destination(port)),
    ):
        wait_for(archive, DeliveryState.DELIVERED)
        (received,) = map(dcmread, folder.iterdir())
    assert not received.file_meta.TransferSyntaxUID.is_compressed
    assert received.SOPInstanceUID == kept.SOPInstanceUID
    assert np.array_equal(received.pixel_array, kept.pixel_array)
    del received.PixelData, kept.PixelData
    assert received == kept
