"""VERIFIED is made by a logged-in radiologist and by nobody else, whatever is tried."""

from collections.abc import Mapping

import pytest
from fastapi.testclient import TestClient
from pydicom.dataset import Dataset

from archive.account_records import Role, Scope
from archive.database import Archive
from archive.records import StudyUid
from archive.review_records import Verdict
from inference.worker import work_once
from tests.builders.people import a_new_user
from tests.builders.radiographs import radiograph
from tests.builders.studies import as_dataset, queue_everything, receive
from tests.fakes.classifier import a_classifier
from tests.integration.test_worker_failures import a_bench
from tests.integration.test_worker_reviews import decided
from tests.web import a_client, a_stranger, token_of

ACCEPT = {"verdict": "ACCEPT", "image_visible_milliseconds": 1200}


def work(archive: Archive, *probabilities: float) -> None:
    while work_once(a_bench(archive, a_classifier(*probabilities))):
        pass


def verified(archive: Archive) -> list[Dataset]:
    """Every object of ours that calls itself verified, or names who verified it."""
    made = []
    for study in archive.repository.studies(limit=100)[0]:
        for report in archive.repository.study(study.study_uid).reports:
            ds = as_dataset(archive.files.read(report.file_key, sha256=report.file_sha256))
            flag = ds.get("VerificationFlag", "UNVERIFIED")
            if flag != "UNVERIFIED" or ds.get("VerifyingObserverSequence"):
                made.append(ds)
    return made


@pytest.fixture
def study_uid(archive: Archive) -> StudyUid:
    received = receive(archive, radiograph())
    queue_everything(archive)
    work(archive, 0.9)
    return received


def ask(client: TestClient, study_uid: StudyUid, **headers: str) -> int:
    path = f"/api/v1/studies/{study_uid}/reviews"
    return client.post(path, json=ACCEPT, headers={"if-match": '"4"', **headers}).status_code


def _shared(archive: Archive) -> TestClient:
    archive.repository.add_user(a_new_user("desk", is_shared=True))
    client = a_stranger(archive)
    client.cookies.update(a_client(archive, login="desk").cookies)
    return client


def test_a_logged_in_radiologist_can(archive: Archive, study_uid: StudyUid) -> None:
    client = a_client(archive, login="ito", roles=[Role.RADIOLOGIST])
    revision = archive.repository.study(study_uid).study.revision
    path = f"/api/v1/studies/{study_uid}/reviews"
    headers = {"if-match": f'"{revision}"'}
    assert client.post(path, json=ACCEPT, headers=headers).status_code == 201
    assert verified(archive) == []  # held for undo


def test_nobody_else_can_decide_over_the_web(archive: Archive, study_uid: StudyUid) -> None:
    token = f"Bearer {token_of(archive, *Scope)}"
    basic = "Basic aXRvOml0bw=="
    assert ask(a_stranger(archive), study_uid) == 401
    assert ask(a_stranger(archive), study_uid, authorization=basic) == 401
    assert ask(a_stranger(archive), study_uid, authorization=token) in (401, 403)
    assert ask(a_stranger(archive), study_uid, cookie="session=forged") == 401
    assert ask(a_client(archive, login="adm", roles=[Role.ADMIN, Role.ML]), study_uid) == 403
    assert ask(_shared(archive), study_uid) == 403
    work(archive)
    assert verified(archive) == []


def test_a_session_that_ended_decides_nothing(archive: Archive, study_uid: StudyUid) -> None:
    client = a_client(archive, login="ito", roles=[Role.RADIOLOGIST])
    assert client.delete("/api/v1/session").status_code in (200, 204)
    assert ask(client, study_uid) == 401
    work(archive)
    assert verified(archive) == []


CLAIMS: Mapping[str, object] = {
    "CompletionFlag": "COMPLETE",
    "VerificationFlag": "VERIFIED",
    "PreliminaryFlag": "FINAL",
}


@pytest.mark.parametrize("probability", [0.9, 0.1])
def test_a_received_object_that_calls_itself_verified_verifies_nothing(
    archive: Archive, probability: float
) -> None:
    observer = Dataset()
    observer.VerifyingObserverName = "Forged^Name"
    observer.VerifyingOrganization = "Elsewhere"
    observer.VerificationDateTime = "20260314120000"
    for view in ("AP", "LL"):  # scored, and not analysed
        source = radiograph(ViewPosition=view, VerifyingObserverSequence=[observer], **CLAIMS)
        receive(archive, source)
    queue_everything(archive)
    work(archive, probability)
    assert verified(archive) == []


def test_what_was_undone_or_is_still_held_verifies_nothing(
    archive: Archive, study_uid: StudyUid
) -> None:
    held = decided(archive, study_uid, Verdict.ACCEPT, held_seconds=600.0)
    work(archive)
    assert verified(archive) == []
    author = archive.repository.review(held).reviewer.user_id
    archive.repository.undo_review(held, user_id=author)
    work(archive)
    assert verified(archive) == []


def test_analysing_again_after_a_review_verifies_nothing_more(
    archive: Archive, study_uid: StudyUid
) -> None:
    decided(archive, study_uid, Verdict.ACCEPT)
    work(archive)
    (review,) = verified(archive)
    assert review.VerifyingObserverSequence[0].VerifyingObserverName == "Ito^Ken^^Dr"
    receive(archive, radiograph(StudyInstanceUID=study_uid))
    queue_everything(archive)
    work(archive, 0.9, 0.9)
    assert [ds.SOPInstanceUID for ds in verified(archive)] == [review.SOPInstanceUID]
