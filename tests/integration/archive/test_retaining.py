"""What goes and what stays when the time of studies is over, on both databases."""

import contextlib
import os
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from pydicom.dataset import FileDataset
from sqlalchemy import select

from archive.account_records import AuditAction
from archive.checking import ArchiveCheck
from archive.database import Archive
from archive.errors import ArchiveUnavailable, FilesInUse, NotFound
from archive.files import CONFLICTS, DELETING, INCOMING, RECEIVED, REPORTS
from archive.records import InstanceKey, Outcome, Refusal, ReportKind, StudyState
from archive.retaining import delete_finished, finished
from archive.retention_records import Hold, RetentionDone
from archive.review_records import HeatMap, NewReview, ReviewReason, Verdict
from archive.schema import metadata
from tests.builders.arrivals import A_MODEL, a_report, an_arrival
from tests.builders.finished import (
    EVERYTHING,
    a_finished_study,
    deliver_everything,
    image_of,
)
from tests.builders.people import a_radiologist
from tests.web import a_client, claim_study, store_radiograph

NAME, PATIENT_ID, ACCESSION = "Marked^Person", "MARKED-1", "MARKED-2"
# By UID, which is in no way the patient's: what explains the past.
NAMES_STUDIES = {"audit_events", "deletions", "past_reviews"}


def delete_everything(archive: Archive) -> RetentionDone:
    return delete_finished(archive, EVERYTHING, rest=lambda _: None)


def faults(archive: Archive) -> list[object]:
    """What `hilum archive check` calls broken, and files that nothing names."""
    check = ArchiveCheck(archive, with_digests=True)
    found: list[object] = list(check.damaged())
    for folder in (RECEIVED, REPORTS, CONFLICTS, INCOMING):
        for file_key in archive.files.list_keys(folder):
            path = archive.files.path_of(file_key)
            os.utime(path, ns=(0, path.stat().st_mtime_ns - 10**13))
    return found + list(check.orphans())


def files_of(archive: Archive, study_uid: str) -> list[str]:
    folders = (RECEIVED, REPORTS, CONFLICTS, DELETING)
    keys = [key for folder in folders for key in archive.files.list_keys(folder)]
    return [key for key in keys if study_uid in key or key.startswith(DELETING)]


def all_rows(archive: Archive) -> dict[str, list[dict[str, Any]]]:
    with archive.repository._engine.connect() as connection:
        return {
            table.name: [dict(row._mapping) for row in connection.execute(select(table))]
            for table in metadata.sorted_tables
        }


def decide(archive: Archive, key: InstanceKey) -> None:
    """Accept, beyond undoing."""
    revision = archive.repository.study(key.study_uid).study.revision
    decision = NewReview(
        study_uid=key.study_uid,
        expected_revision=revision,
        verdict=Verdict.ACCEPT,
        presence=None,
        reason=ReviewReason.NONE,
        comment="",
        user_id=a_radiologist(archive).user_id,
        image_visible_milliseconds=1200,
        blind_presence=None,
        held_seconds=0.0,
    )
    archive.repository.add_review(decision)


def report_decision(archive: Archive) -> None:
    (claim,) = archive.repository.claim_reviews("w", limit=9, lease_seconds=60, maximum_attempts=3)
    report = a_report(1, 950, ReportKind.REVIEW)
    report = replace(report, key=replace(report.key, study_uid=claim.review.study_uid))
    archive.repository.finish_review(claim, report, destinations=["pacs"])
    deliver_everything(archive)


def test_a_finished_study_goes_whole_and_what_stays_names_no_patient(any_archive: Archive) -> None:
    repository = any_archive.repository
    key = a_finished_study(
        any_archive,
        patient_name=NAME,
        patient_id=PATIENT_ID,
        accession_number=ACCESSION,
        patient_birth_date="20200102",
        study_date="20240203",
    )
    kept_apart = any_archive.files.write_report(key, b"another object of the same UID")
    conflict = replace(an_arrival(), key=key, file_key=kept_apart)
    repository.record_conflict(conflict, data_set_sha256="c" * 64)
    heat_map = HeatMap(
        sop_instance_uid=key.sop_instance_uid,
        file_key=any_archive.files.write_report(key, b"a heat map"),
        file_sha256="0" * 64,
        display_threshold=0.1,
    )
    repository.record_heat_map(heat_map)
    decide(any_archive, key)
    report_decision(any_archive)
    reviews, outputs = list(repository.judged_results()), list(repository.model_outputs())
    assert [one.patient_age_years for one in reviews] == [4]
    assert len(files_of(any_archive, key.study_uid)) == 4
    would_go = finished(any_archive, EVERYTHING)

    done = delete_everything(any_archive)

    assert done == would_go
    assert (done.study_count, done.held) == (1, {})
    assert files_of(any_archive, key.study_uid) == []
    assert faults(any_archive) == []
    with pytest.raises(NotFound):
        repository.study(key.study_uid)
    rows = all_rows(any_archive)
    for word in (NAME, PATIENT_ID, ACCESSION, "20200102", "20240203", key.sop_instance_uid):
        assert word not in str(rows)
    assert {name for name, found in rows.items() if key.study_uid in str(found)} == NAMES_STUDIES
    assert list(repository.judged_results()) == reviews
    assert list(repository.model_outputs()) == outputs
    (line,) = repository.audit_events(limit=9, action=AuditAction.STUDY_DELETED)
    assert (line.entry.study_uid, line.entry.actor) == (key.study_uid, "test")
    assert line.entry.details["instance_count"] == 1
    assert repository.verify_audit()
    assert delete_everything(any_archive) == RetentionDone()


def send(archive: Archive, key: InstanceKey) -> None:
    """Have the study's report sent again, by a sender that is at it."""
    number = archive.repository.study(key.study_uid).deliveries[0].delivery_id
    archive.repository.replay_deliveries([number])
    archive.repository.claim_deliveries("s", "pacs", limit=9, lease_seconds=60)


def replay(archive: Archive, key: InstanceKey) -> None:
    number = archive.repository.study(key.study_uid).deliveries[0].delivery_id
    archive.repository.replay_deliveries([number])


def give_up(archive: Archive, key: InstanceKey) -> None:
    replay(archive, key)
    number = archive.repository.study(key.study_uid).deliveries[0].delivery_id
    archive.repository.abandon_delivery(number, reason="asked to")


def ask_for_commitment(archive: Archive, key: InstanceKey) -> None:
    archive.repository.open_commitment(
        "pacs", transaction_uid="2.25.1", limit=9, answer_within_seconds=60
    )


def fail_a_decision(archive: Archive, key: InstanceKey) -> None:
    decide(archive, key)
    (claim,) = archive.repository.claim_reviews("w", limit=9, lease_seconds=60, maximum_attempts=3)
    archive.repository.return_review(claim, reason="defect", is_hopeless=True)


def open_it(archive: Archive, key: InstanceKey) -> None:
    user = a_radiologist(archive)
    archive.repository.begin_reading(key.study_uid, user_id=user.user_id, lease_seconds=60)


def put_it_off(archive: Archive, key: InstanceKey) -> None:
    user = a_radiologist(archive)
    archive.repository.defer(key.study_uid, user_id=user.user_id, reason="asks for a prior")


def fail_without_a_report(archive: Archive, key: InstanceKey) -> None:
    archive.repository.request_analysis(key.study_uid)
    outcome = Outcome(
        state=StudyState.FAILED, model=A_MODEL, refusal=Refusal.PROCESSING_FAILED, reason="broken"
    )
    archive.repository.finish_study(claim_study(archive), outcome, destinations=["pacs"])


@pytest.mark.parametrize(
    ("happen", "hold"),
    [
        (replay, Hold.UNSENT),
        (send, Hold.UNSENT),
        (give_up, Hold.GAVE_UP),
        (ask_for_commitment, Hold.UNCOMMITTED),
        (decide, Hold.UNDECIDED),
        (fail_a_decision, Hold.UNDECIDED),
        (open_it, Hold.IN_READING),
        (put_it_off, Hold.IN_READING),
        (fail_without_a_report, Hold.UNTOLD_FAILURE),
    ],
)
def test_what_somebody_waits_for_stays_and_why_is_told(
    any_archive: Archive, happen: Callable[[Archive, InstanceKey], None], hold: Hold
) -> None:
    key = a_finished_study(any_archive)
    happen(any_archive, key)
    before = all_rows(any_archive)

    assert finished(any_archive, EVERYTHING).held == {hold: 1}
    done = delete_everything(any_archive)

    assert (done.study_count, done.held) == (0, {hold: 1})
    assert all_rows(any_archive) == before
    assert faults(any_archive) == []


def test_what_is_not_committed_yet_stays_where_the_destination_is_asked(
    any_archive: Archive,
) -> None:
    a_finished_study(any_archive)
    asked = replace(EVERYTHING, committing=frozenset({"pacs"}))
    assert finished(any_archive, asked).held == {Hold.UNCOMMITTED: 1}


def test_what_is_under_way_or_too_young_is_not_even_looked_at(any_archive: Archive) -> None:
    young = a_finished_study(any_archive, 1)
    assert finished(any_archive, replace(EVERYTHING, older_than=timedelta(minutes=1))) == (
        RetentionDone()
    )
    for bring in (
        lambda: None,
        lambda: any_archive.repository.queue_complete_studies(
            quiet_period_seconds=0, cap_seconds=0
        ),
        lambda: any_archive.repository.claim_studies(
            "w", limit=1, lease_seconds=60, maximum_attempts=3
        ),
    ):
        if not bring():
            store_radiograph(any_archive, image_of(1, sop_instance_uid="1.2.3.4"))
        assert delete_everything(any_archive) == RetentionDone()
    assert any_archive.repository.study(young.study_uid).study.state is StudyState.ANALYSING


def test_a_study_that_changes_between_the_look_and_the_deletion_stays(
    any_archive: Archive,
) -> None:
    repository = any_archive.repository
    key = a_finished_study(any_archive)
    limit_at = repository.retention_limit(EVERYTHING)
    (candidate,) = repository.candidates(EVERYTHING, limit_at, limit=9, after=None)
    assert candidate.hold is None
    replay(any_archive, key)
    assert (
        repository.delete_study(
            key.study_uid, EVERYTHING, limit_at, stamp_of=any_archive.files.stamp_of
        )
        is None
    )
    assert len(repository.study(key.study_uid).instances) == 1


def test_an_object_that_comes_again_before_its_file_went_keeps_its_file(
    any_archive: Archive,
) -> None:
    ds = image_of(1)
    key = a_finished_study(any_archive, ds=ds)
    limit_at = any_archive.repository.retention_limit(EVERYTHING)
    any_archive.repository.delete_study(
        key.study_uid, EVERYTHING, limit_at, stamp_of=any_archive.files.stamp_of
    )
    assert any_archive.repository.files_to_delete_count() == 2
    # As after a kill at this moment.
    assert list(ArchiveCheck(any_archive, with_digests=True).damaged()) == []
    store_radiograph(any_archive, ds, patient_name="Corrected^Name")

    delete_everything(any_archive)

    assert any_archive.repository.files_to_delete_count() == 0
    assert faults(any_archive) == []
    study = any_archive.repository.study(key.study_uid)
    assert (study.study.state, len(study.instances)) == (StudyState.RECEIVING, 1)
    assert study.study.attributes.patient_name == "Corrected^Name"
    assert len(files_of(any_archive, key.study_uid)) == 1


def store_until_kept(archive: Archive, ds: FileDataset) -> None:
    """Try again where its study is just being deleted, as a modality does."""
    while True:
        with contextlib.suppress(ArchiveUnavailable):
            store_radiograph(archive, ds)
            return


def test_nothing_is_lost_where_objects_come_again_while_their_studies_go(
    any_archive: Archive,
) -> None:
    images = [image_of(number) for number in range(12)]
    keys = [a_finished_study(any_archive, ds=ds) for ds in images]
    errors: list[Exception] = []

    def receive_again() -> None:
        try:
            for ds in images * 2:
                store_until_kept(any_archive, ds)
        except Exception as error:  # noqa: BLE001  # shown by the test
            errors.append(error)

    senders = [threading.Thread(target=receive_again) for _ in range(2)]
    for sender in senders:
        sender.start()
    while any(sender.is_alive() for sender in senders):
        delete_everything(any_archive)
    for sender in senders:
        sender.join()
    delete_everything(any_archive)

    assert errors == []
    assert faults(any_archive) == []
    for key in keys:
        there = any_archive.repository.recorded_file(key.sop_instance_uid) is not None
        assert len(files_of(any_archive, key.study_uid)) == there


def test_pages_programs_and_viewers_find_a_deleted_study_no_longer(archive: Archive) -> None:
    key = a_finished_study(archive)
    study, viewed = key.study_uid, f"/dicom-web/studies/{key.study_uid}"
    addresses = (f"/api/v1/studies/{study}", f"/studies/{study}", f"{viewed}/metadata")
    client = a_client(archive)
    assert {client.get(one).status_code for one in addresses} == {200}
    assert study in client.get("/api/v1/worklist").text
    delete_everything(archive)
    assert {client.get(one).status_code for one in addresses} == {404}
    for listing in ("/api/v1/worklist", "/api/v1/studies", "/studies", "/dicom-web/studies"):
        assert study not in client.get(listing).text

    store_radiograph(archive, image_of(1))
    events = client.get(f"/api/v1/studies/{study}/timeline").json()["events"]
    assert [one["kind"] for one in events] == ["DELETED", "RECEIVED"]


def test_the_audit_server_is_told_whose_study_was_deleted(any_archive: Archive) -> None:
    repository = any_archive.repository
    key = a_finished_study(any_archive, patient_id=PATIENT_ID)
    delete_finished(any_archive, replace(EVERYTHING, is_patient_named=True), rest=lambda _: None)
    lines = repository.claim_audit_lines("s", limit=99, lease_seconds=60)
    assert [one.patient_id for one in lines if one.event.entry.study_uid == key.study_uid] == [
        PATIENT_ID
    ]
    delete_everything(any_archive)
    assert PATIENT_ID in str(all_rows(any_archive)["deletions"])
    repository.audit_lines_sent("s", through=lines[-1].event.event_id)
    delete_everything(any_archive)
    assert PATIENT_ID not in str(all_rows(any_archive))


def test_while_a_backup_copies_nothing_is_deleted(archive: Archive) -> None:
    key = a_finished_study(archive)
    with archive.files.undisturbed(), pytest.raises(FilesInUse):
        delete_everything(archive)
    assert archive.repository.study(key.study_uid).study.state is StudyState.REPORTED
    assert delete_everything(archive).study_count == 1
