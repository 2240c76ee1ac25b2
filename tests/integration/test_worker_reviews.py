"""A radiologist's decision leaves the worker as a verified report, once, or says why it did not."""

from dataclasses import replace

import pytest

from archive.database import Archive
from archive.records import DeliveryState, Presence, ReportKind, StudyUid
from archive.review_records import NewReview, ReviewReason, ReviewState, Verdict
from inference.report.review import presence_in
from inference.worker import work_once
from tests.builders.people import a_radiologist
from tests.builders.radiographs import radiograph
from tests.builders.studies import as_dataset, queue_everything, receive, report_of
from tests.fakes.classifier import a_classifier
from tests.integration.test_worker_failures import a_bench
from tests.unit.inference.report.tree import texts_of


def analysed(archive: Archive, *, probability: float = 0.9, view: str = "AP") -> StudyUid:
    """A study with its AI result."""
    study_uid = receive(archive, radiograph(ViewPosition=view))
    queue_everything(archive)
    assert work_once(a_bench(archive, a_classifier(probability)))
    return study_uid


def decided(
    archive: Archive,
    study_uid: StudyUid,
    verdict: Verdict,
    *,
    login: str = "ito",
    **changes: object,
) -> int:
    """Record a decision that can no longer be undone; returns its identifier."""
    new = NewReview(
        study_uid=study_uid,
        expected_revision=archive.repository.study(study_uid).study.revision,
        verdict=verdict,
        presence=None,
        reason=ReviewReason.NONE,
        comment="",
        user_id=a_radiologist(archive, login).user_id,
        image_visible_milliseconds=1200,
        blind_presence=None,
        held_seconds=0,
    )
    return archive.repository.add_review(replace(new, **changes)).review_id  # type: ignore[arg-type]  # fields of it


@pytest.mark.parametrize(
    ("verdict", "presence", "stands"),
    [
        (Verdict.ACCEPT, None, Presence.PRESENT),
        (Verdict.REJECT, Presence.ABSENT, Presence.ABSENT),
        (Verdict.CORRECT, Presence.ABSENT, Presence.ABSENT),
        (Verdict.CORRECT, Presence.PRESENT, Presence.PRESENT),
        (Verdict.UNREADABLE, None, Presence.UNDETERMINED),
    ],
)
def test_a_decision_becomes_a_verified_report_for_every_destination(
    archive: Archive, verdict: Verdict, presence: Presence | None, stands: Presence
) -> None:
    study_uid = analysed(archive)
    ai_result = as_dataset(report_of(archive, study_uid))
    review_id = decided(archive, study_uid, verdict, presence=presence)
    assert work_once(a_bench(archive, a_classifier()))
    assert archive.repository.review(review_id).state is ReviewState.REPORTED
    detail = archive.repository.study(study_uid)
    (report,) = [one for one in detail.reports if one.kind is ReportKind.REVIEW]
    made = as_dataset(archive.files.read(report.file_key, sha256=report.file_sha256))
    assert made.VerificationFlag == "VERIFIED"
    assert made.VerifyingObserverSequence[0].VerifyingObserverName == "Ito^Ken^^Dr"
    assert presence_in(made) is stands
    (series,) = made.PredecessorDocumentsSequence[0].ReferencedSeriesSequence
    assert series.ReferencedSOPSequence[0].ReferencedSOPInstanceUID == ai_result.SOPInstanceUID
    (delivery,) = [one for one in detail.deliveries if one.kind is ReportKind.REVIEW]
    assert (delivery.destination, delivery.state) == ("pacs", DeliveryState.READY)


def test_reason_and_comment_stand_in_the_report(archive: Archive) -> None:
    study_uid = analysed(archive)
    decided(
        archive,
        study_uid,
        Verdict.REJECT,
        presence=Presence.ABSENT,
        reason=ReviewReason.ARTEFACT,
        comment="A skin fold.",
    )
    work_once(a_bench(archive, a_classifier()))
    (report,) = [
        one for one in archive.repository.study(study_uid).reports if one.kind is ReportKind.REVIEW
    ]
    made = as_dataset(archive.files.read(report.file_key))
    assert texts_of(made, "Comment") == ["ARTEFACT. A skin fold."]


def test_a_person_may_read_what_the_machine_did_not(archive: Archive) -> None:
    study_uid = analysed(archive, view="LL")
    review_id = decided(archive, study_uid, Verdict.CORRECT, presence=Presence.ABSENT)
    assert work_once(a_bench(archive, a_classifier()))
    assert archive.repository.review(review_id).state is ReviewState.REPORTED


def test_a_decision_that_cannot_be_written_is_set_aside_with_its_reason(archive: Archive) -> None:
    study_uid = analysed(archive, view="LL")
    review_id = decided(archive, study_uid, Verdict.ACCEPT)
    assert work_once(a_bench(archive, a_classifier()))
    failed = archive.repository.review(review_id)
    assert failed.state is ReviewState.FAILED
    assert failed.failure == "there is no result to decide on"
    assert not work_once(a_bench(archive, a_classifier()))


def test_a_damaged_ai_result_does_not_stop_the_queue(archive: Archive) -> None:
    study_uid = analysed(archive)
    (report,) = [
        one
        for one in archive.repository.study(study_uid).reports
        if one.kind is ReportKind.AI_RESULT
    ]
    archive.files.delete(report.file_key)
    review_id = decided(archive, study_uid, Verdict.ACCEPT)
    while work_once(a_bench(archive, a_classifier())):
        pass
    assert archive.repository.review(review_id).state is ReviewState.FAILED


def test_a_held_decision_is_not_reported_yet(archive: Archive) -> None:
    study_uid = analysed(archive)
    review_id = decided(archive, study_uid, Verdict.ACCEPT, held_seconds=600.0)
    assert not work_once(a_bench(archive, a_classifier()))
    assert archive.repository.review(review_id).state is ReviewState.HELD


def test_the_reading_page_finds_the_map_of_a_positive_image(archive: Archive) -> None:
    study_uid = analysed(archive)
    (instance,) = archive.repository.study(study_uid).instances
    kept = archive.repository.heat_map(instance.key.sop_instance_uid)
    content = archive.files.read(kept.file_key, sha256=kept.file_sha256)
    assert content.startswith(b"\x89PNG")
    assert kept.display_threshold == 0.2
