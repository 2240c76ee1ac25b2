"""The worker on a real archive with a real, if untrained, network: studies in, reports recorded."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from archive.database import Archive
from archive.errors import LeaseLost
from archive.records import (
    DeliveryState,
    ProcessKind,
    Refusal,
    StudyState,
    StudyUid,
)
from config.destinations import DimseDestination
from config.settings import Settings, load_settings
from inference.errors import BundleInvalid
from inference.pipeline import analyse
from inference.worker import make_bench, record, run
from tests.builders.bundles import write_bundle
from tests.builders.radiographs import file_bytes, radiograph
from tests.builders.studies import (
    as_dataset,
    queue_everything,
    receive,
    receive_bytes,
    report_of,
)
from tests.processes import wait_until

WITHIN_SECONDS = 60
PACS = DimseDestination(name="pacs", ae_title="PACS", host="127.0.0.1", port=104)


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_bundle(tmp_path_factory.mktemp("bundle"))


@pytest.fixture
def settings(bundle: Path) -> Settings:
    defaults = load_settings()
    return defaults.model_copy(
        update={
            "model": defaults.model.model_copy(update={"bundle": str(bundle)}),
            "destinations": (PACS,),
        }
    )


@contextmanager
def working(settings: Settings, archive: Archive) -> Iterator[None]:
    stop, ready = threading.Event(), threading.Event()
    worker = threading.Thread(target=run, args=(settings, archive, stop, ready.set), daemon=True)
    worker.start()
    assert ready.wait(WITHIN_SECONDS)
    yield
    stop.set()
    worker.join(WITHIN_SECONDS)
    assert not worker.is_alive()


def state_of(archive: Archive, study_uid: StudyUid) -> StudyState:
    return archive.repository.study(study_uid).study.state


def settled(archive: Archive, *study_uids: StudyUid) -> Callable[[], bool]:
    outcomes = {StudyState.REPORTED, StudyState.NOT_ANALYSED, StudyState.FAILED}
    return lambda: all(state_of(archive, one) in outcomes for one in study_uids)


def test_every_study_ends_with_one_report_for_every_destination(
    archive: Archive, settings: Settings
) -> None:
    good, lateral = radiograph(), radiograph(ViewPosition="LL")
    studies = [receive(archive, good), receive(archive, lateral)]
    queue_everything(archive)
    with working(settings, archive):
        wait_until(settled(archive, *studies), within_seconds=WITHIN_SECONDS)
    assert state_of(archive, studies[0]) is StudyState.REPORTED
    assert state_of(archive, studies[1]) is StudyState.NOT_ANALYSED
    for study_uid, source in zip(studies, (good, lateral), strict=True):
        detail = archive.repository.study(study_uid)
        assert [one.state for one in detail.deliveries].count(DeliveryState.READY) == len(
            detail.deliveries
        )
        assert {one.destination for one in detail.deliveries} == {"pacs"}
        report = as_dataset(report_of(archive, study_uid))
        assert report.StudyInstanceUID == source.StudyInstanceUID
        assert report.PatientName == source.PatientName
    (finding,) = archive.repository.current_result(studies[0]).outcome.findings  # type: ignore[union-attr]  # it is reported
    assert 0 <= finding.probability <= 1


def test_the_received_file_is_the_same_after_analysis(archive: Archive, settings: Settings) -> None:
    source = radiograph()
    content = file_bytes(source)
    receive_bytes(archive, source, content)
    queue_everything(archive)
    study_uid = StudyUid(str(source.StudyInstanceUID))
    with working(settings, archive):
        wait_until(settled(archive, study_uid), within_seconds=WITHIN_SECONDS)
    (instance,) = archive.repository.study(study_uid).instances
    assert archive.files.read(instance.file_key) == content


def test_a_broken_study_does_not_touch_the_others(archive: Archive, settings: Settings) -> None:
    sources = [radiograph() for _ in range(3)]
    truncated = radiograph()
    studies = [receive(archive, source) for source in sources]
    cut = file_bytes(truncated)[:-40_000]
    receive_bytes(archive, truncated, cut)
    garbage = radiograph()
    receive_bytes(archive, garbage, b"this is no DICOM file" * 50)
    vanished = radiograph()
    key = receive_bytes(archive, vanished, file_bytes(vanished))
    (instance,) = archive.repository.study(key.study_uid).instances
    archive.files.delete(instance.file_key)
    flawed = [StudyUid(str(one.StudyInstanceUID)) for one in (truncated, garbage, vanished)]
    queue_everything(archive)
    with working(settings, archive):
        wait_until(settled(archive, *studies, *flawed), within_seconds=WITHIN_SECONDS)
    assert {state_of(archive, one) for one in studies} == {StudyState.REPORTED}
    refusals = [archive.repository.study(one).study.refusal for one in flawed]
    assert refusals == [
        Refusal.PIXELS_UNREADABLE,
        Refusal.PIXELS_UNREADABLE,
        Refusal.PROCESSING_FAILED,
    ]
    assert state_of(archive, flawed[2]) is StudyState.FAILED
    for study_uid in flawed:
        assert as_dataset(report_of(archive, study_uid)).PatientID == "HILUM-7"


def test_a_late_image_makes_a_result_that_replaces_the_first(
    archive: Archive, settings: Settings
) -> None:
    first = radiograph()
    second = radiograph(StudyInstanceUID=first.StudyInstanceUID)
    study_uid = receive(archive, first)
    queue_everything(archive)
    with working(settings, archive):
        wait_until(settled(archive, study_uid), within_seconds=WITHIN_SECONDS)
        earlier = as_dataset(report_of(archive, study_uid))
        receive(archive, second)
        queue_everything(archive)
        wait_until(settled(archive, study_uid), within_seconds=WITHIN_SECONDS)
    later = as_dataset(report_of(archive, study_uid))
    assert later.SOPInstanceUID != earlier.SOPInstanceUID
    (series,) = later.PredecessorDocumentsSequence[0].ReferencedSeriesSequence
    assert series.ReferencedSOPSequence[0].ReferencedSOPInstanceUID == earlier.SOPInstanceUID


def test_asking_again_makes_the_same_object_and_no_second_delivery(
    archive: Archive, settings: Settings
) -> None:
    study_uid = receive(archive, radiograph())
    queue_everything(archive)
    with working(settings, archive):
        wait_until(settled(archive, study_uid), within_seconds=WITHIN_SECONDS)
        before = report_of(archive, study_uid)
        deliveries = len(archive.repository.study(study_uid).deliveries)
        archive.repository.request_analysis(study_uid)
        wait_until(
            lambda: len(archive.repository.study(study_uid).results) == 2,
            within_seconds=WITHIN_SECONDS,
        )
    assert report_of(archive, study_uid) == before
    assert len(archive.repository.study(study_uid).deliveries) == deliveries


def test_images_of_two_patients_in_one_study_are_not_scored(
    archive: Archive, settings: Settings
) -> None:
    first = radiograph()
    other = radiograph(StudyInstanceUID=first.StudyInstanceUID, PatientID="SOMEBODY-ELSE")
    study_uid = receive(archive, first, other)
    queue_everything(archive)
    with working(settings, archive):
        wait_until(settled(archive, study_uid), within_seconds=WITHIN_SECONDS)
    study = archive.repository.study(study_uid).study
    assert (study.state, study.refusal) == (StudyState.FAILED, Refusal.PROCESSING_FAILED)


def test_the_worker_beats_once_it_is_ready_and_not_before(
    archive: Archive, settings: Settings
) -> None:
    assert archive.repository.beats() == ()
    with working(settings, archive):
        (beat,) = archive.repository.beats()
        assert beat.kind is ProcessKind.WORKER
        first = beat.beat_at
        wait_until(
            lambda: archive.repository.beats()[0].beat_at > first, within_seconds=WITHIN_SECONDS
        )


def test_a_bundle_that_was_tampered_with_is_not_served(
    archive: Archive, settings: Settings, tmp_path: Path
) -> None:
    folder = write_bundle(tmp_path / "bundle")
    weights = folder / "models" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    tampered = settings.model_copy(
        update={"model": settings.model.model_copy(update={"bundle": str(folder)})}
    )
    with pytest.raises(BundleInvalid):
        run(tampered, archive, threading.Event())


@pytest.mark.data
def test_a_real_adult_is_scored_with_the_statement_and_a_real_leg_never(
    archive: Archive, settings: Settings, test_data: Path
) -> None:
    studies = []
    for name in ("RG1", "RG3"):
        content = (test_data / "dicom_samples" / f"{name}_J2KI.dcm").read_bytes()
        studies.append(receive_bytes(archive, as_dataset(content), content).study_uid)
    queue_everything(archive)
    with working(settings, archive):
        wait_until(settled(archive, *studies), within_seconds=WITHIN_SECONDS)
    adult = archive.repository.current_result(studies[0])
    assert adult is not None
    statements = " ".join(adult.outcome.findings[0].statements)
    assert statements.startswith("Outside the training population (children 1-5 years, AP)")
    assert archive.repository.study(studies[1]).study.refusal is Refusal.WRONG_BODY_PART


def test_a_worker_that_lost_its_study_drops_what_it_made(
    archive: Archive, settings: Settings
) -> None:
    study_uid = receive(archive, radiograph())
    queue_everything(archive)
    claims = archive.repository.claim_studies("slow", limit=1, lease_seconds=60, maximum_attempts=3)
    receive(archive, radiograph(StudyInstanceUID=study_uid))
    bench = make_bench(settings, archive)
    (outcome,) = analyse(claims, bench.pipeline)
    with pytest.raises(LeaseLost):
        archive.repository.finish_study(claims[0], outcome, destinations=())
    record(claims[0], outcome, bench)
    assert state_of(archive, study_uid) is StudyState.RECEIVING
