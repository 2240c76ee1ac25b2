"""A newer model, a late image, a way back: each result follows the one that stood until then."""

from dataclasses import replace
from itertools import pairwise

import pytest
from pydicom.dataset import Dataset

from archive.database import Archive
from archive.errors import NotFound
from archive.records import Report, ReportKind, StudyUid
from archive.retaining import delete_finished
from archive.review_records import ReviewState, Verdict
from inference.report.author import author_of
from inference.report.evidence import predecessor_in
from inference.worker import Bench, work_once
from tests.builders.bundles import a_manifest
from tests.builders.finished import EVERYTHING, deliver_everything
from tests.builders.radiographs import radiograph
from tests.builders.studies import as_dataset, queue_everything, receive, report_of
from tests.fakes.classifier import a_classifier
from tests.integration.test_worker_failures import a_bench
from tests.integration.test_worker_reviews import decided


def bench_of_model(archive: Archive, version: str, *probabilities: float) -> Bench:
    manifest = a_manifest(version=version)
    bench = a_bench(archive, a_classifier(*probabilities, manifest=manifest))
    return replace(bench, pipeline=replace(bench.pipeline, author=author_of(manifest)))


def document(archive: Archive, study_uid: StudyUid) -> Dataset:
    return as_dataset(report_of(archive, study_uid))


def predecessor(ds: Dataset) -> str | None:
    followed = predecessor_in(ds)
    return followed.key.sop_instance_uid if followed else None


def objects(archive: Archive, study_uid: StudyUid) -> dict[str, Report]:
    found = archive.repository.study(study_uid).reports
    return {one.key.sop_instance_uid: one for one in found}


def analysed_by(archive: Archive, study_uid: StudyUid, version: str) -> Dataset:
    """Ask for the analysis by a version of the model; returns the document that then stands."""
    archive.repository.request_analysis(study_uid)
    assert work_once(bench_of_model(archive, version, 0.9))
    return document(archive, study_uid)


@pytest.fixture
def study_uid(archive: Archive) -> StudyUid:
    """A study that version 1 found positive."""
    received = receive(archive, radiograph())
    queue_everything(archive)
    assert work_once(bench_of_model(archive, "1", 0.9))
    return received


def test_every_change_of_model_makes_a_document_that_follows_the_last(
    archive: Archive, study_uid: StudyUid
) -> None:
    made = [document(archive, study_uid)]
    made += [analysed_by(archive, study_uid, version) for version in ("2", "1", "2")]
    assert len({str(ds.SOPInstanceUID) for ds in made}) == len(made)
    assert predecessor(made[0]) is None
    for earlier, later in pairwise(made):
        assert predecessor(later) == earlier.SOPInstanceUID
    sent = [one.sop_instance_uid for one in archive.repository.study(study_uid).deliveries]
    assert {str(ds.SOPInstanceUID) for ds in made} <= set(sent)
    assert len(sent) == len(set(sent))


def test_what_was_sent_once_is_never_written_another_way(
    archive: Archive, study_uid: StudyUid
) -> None:
    before = {
        uid: archive.files.read(one.file_key) for uid, one in objects(archive, study_uid).items()
    }
    for version in ("2", "1", "1"):
        analysed_by(archive, study_uid, version)
    after = objects(archive, study_uid)
    assert len(before) == 2  # the document and its heat map
    for uid, content in before.items():
        assert archive.files.read(after[uid].file_key, sha256=after[uid].file_sha256) == content


def test_asking_the_same_model_again_makes_nothing(archive: Archive, study_uid: StudyUid) -> None:
    second = analysed_by(archive, study_uid, "2")
    known = set(objects(archive, study_uid))
    assert analysed_by(archive, study_uid, "2").SOPInstanceUID == second.SOPInstanceUID
    assert set(objects(archive, study_uid)) == known


def test_a_document_that_can_no_longer_be_read_is_followed_all_the_same(
    archive: Archive, study_uid: StudyUid
) -> None:
    first = document(archive, study_uid)
    (lost,) = [
        one for one in objects(archive, study_uid).values() if one.kind is ReportKind.AI_RESULT
    ]
    archive.files.delete(lost.file_key)
    assert predecessor(analysed_by(archive, study_uid, "2")) == first.SOPInstanceUID


def test_after_a_late_image_the_next_decision_follows_the_earlier_one(
    archive: Archive, study_uid: StudyUid
) -> None:
    first = decided(archive, study_uid, Verdict.ACCEPT)
    assert work_once(bench_of_model(archive, "1"))
    verified = archive.repository.review(first).report_sop_instance_uid
    receive(archive, radiograph(StudyInstanceUID=study_uid))
    queue_everything(archive)
    assert work_once(bench_of_model(archive, "1", 0.9, 0.1))
    assert not archive.repository.study(study_uid).study.state.startswith("F")
    second = decided(archive, study_uid, Verdict.ACCEPT, login="doe")
    assert work_once(bench_of_model(archive, "1"))
    review = archive.repository.review(second)
    assert review.state is ReviewState.REPORTED
    assert review.report_sop_instance_uid is not None
    report = objects(archive, study_uid)[review.report_sop_instance_uid]
    assert predecessor(as_dataset(archive.files.read(report.file_key))) == verified


def test_a_late_image_of_a_deleted_study_makes_a_document_that_follows_the_deleted_one(
    archive: Archive, study_uid: StudyUid
) -> None:
    first = document(archive, study_uid)
    for destination in {one.destination for one in archive.repository.study(study_uid).deliveries}:
        deliver_everything(archive, destination)
    assert delete_finished(archive, EVERYTHING).study_count == 1
    with pytest.raises(NotFound):
        archive.repository.study(study_uid)

    late = radiograph(StudyInstanceUID=study_uid)
    receive(archive, late)
    queue_everything(archive)
    assert work_once(bench_of_model(archive, "1", 0.9))

    second = document(archive, study_uid)
    assert len(archive.repository.study(study_uid).instances) == 1
    assert predecessor(second) == first.SOPInstanceUID
    assert analysed_by(archive, study_uid, "1").SOPInstanceUID == second.SOPInstanceUID
