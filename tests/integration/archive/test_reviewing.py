"""Reviews in the archive, on both databases: undo, conflicts, and the way to a verified report."""

import threading

import pytest

from archive.database import Archive
from archive.errors import LeaseLost, NotFound, ReviewSettled, RevisionStale
from archive.records import Presence, ReportKind, StudyUid
from archive.review_records import Review, ReviewState, Verdict
from tests.builders.arrivals import a_report, an_arrival
from tests.builders.people import a_radiologist, a_review
from tests.web import report_study

STUDY = StudyUid("1.2.3.1")


def claim(archive: Archive, attempts: int = 3) -> object:
    return archive.repository.claim_reviews(
        "worker", limit=5, lease_seconds=60, maximum_attempts=attempts
    )


def test_a_review_marks_its_study_read_and_undo_takes_that_back(any_archive: Archive) -> None:
    repository = any_archive.repository
    report_study(any_archive)
    user = a_radiologist(any_archive)
    review = repository.add_review(a_review(any_archive, user))
    assert repository.worklist(limit=9, waiting_cap_seconds=60) == ((), None)
    assert review.state is ReviewState.HELD
    assert review.reviewer.person_name == "Ito^Ken^^Dr"
    undone = repository.undo_review(review.review_id, user_id=user.user_id)
    assert undone.state is ReviewState.UNDONE
    [item], _ = repository.worklist(limit=9, waiting_cap_seconds=60)
    assert item.study.study_uid == STUDY
    assert claim(any_archive) == ()


def test_only_the_author_may_undo(any_archive: Archive) -> None:
    report_study(any_archive)
    review = any_archive.repository.add_review(a_review(any_archive, a_radiologist(any_archive)))
    other = a_radiologist(any_archive, "lee")
    with pytest.raises(NotFound):
        any_archive.repository.undo_review(review.review_id, user_id=other.user_id)


def test_a_review_of_an_older_revision_is_refused(any_archive: Archive) -> None:
    report_study(any_archive)
    seen = a_review(any_archive, a_radiologist(any_archive))
    any_archive.repository.record_instance(an_arrival(1, 2))
    with pytest.raises(RevisionStale):
        any_archive.repository.add_review(seen)


def test_the_same_decision_again_is_the_same_review(any_archive: Archive) -> None:
    report_study(any_archive)
    decision = a_review(any_archive, a_radiologist(any_archive))
    first = any_archive.repository.add_review(decision)
    assert any_archive.repository.add_review(decision).review_id == first.review_id
    assert len(any_archive.repository.reviews_of(STUDY)) == 1


def test_of_two_simultaneous_decisions_one_stands(any_archive: Archive) -> None:
    report_study(any_archive)
    decisions = [
        a_review(any_archive, a_radiologist(any_archive, login), verdict=verdict)
        for login, verdict in (("ito", Verdict.ACCEPT), ("lee", Verdict.UNREADABLE))
    ]
    outcomes: list[object] = []
    start = threading.Barrier(2)

    def decide(number: int) -> None:
        start.wait()
        try:
            outcomes.append(any_archive.repository.add_review(decisions[number]))
        except RevisionStale as error:
            outcomes.append(error)

    threads = [threading.Thread(target=decide, args=(number,)) for number in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Review", "RevisionStale"]
    assert len(any_archive.repository.reviews_of(STUDY)) == 1


def test_a_review_is_claimed_only_after_its_undo_window(any_archive: Archive) -> None:
    report_study(any_archive)
    user = a_radiologist(any_archive)
    any_archive.repository.add_review(a_review(any_archive, user, held_seconds=1000.0))
    assert claim(any_archive) == ()


def verified(archive: Archive) -> Review:
    """Review study 1 and let a worker report it."""
    user = archive.repository.user_with_password("ito")
    author = user[0] if user else a_radiologist(archive)
    review = archive.repository.add_review(a_review(archive, author, held_seconds=0.0))
    [held] = archive.repository.claim_reviews(
        "worker", limit=5, lease_seconds=60, maximum_attempts=3
    )
    report = a_report(1, 5000 + review.review_id, ReportKind.REVIEW)
    archive.repository.finish_review(held, report, destinations=["pacs"])
    return archive.repository.review(review.review_id)


def test_a_finished_review_has_its_report_on_the_way_to_the_pacs(any_archive: Archive) -> None:
    report_study(any_archive)
    review = verified(any_archive)
    assert review.state is ReviewState.REPORTED
    detail = any_archive.repository.study(STUDY)
    assert [report.kind for report in detail.reports] == [ReportKind.AI_RESULT, ReportKind.REVIEW]
    assert [delivery.sop_instance_uid for delivery in detail.deliveries][-1] == (
        review.report_sop_instance_uid
    )


def test_a_reported_review_cannot_be_undone_but_followed(any_archive: Archive) -> None:
    report_study(any_archive)
    first = verified(any_archive)
    user = first.reviewer
    with pytest.raises(ReviewSettled):
        any_archive.repository.undo_review(first.review_id, user_id=user.user_id)
    account = any_archive.repository.users()[0]
    any_archive.repository.add_review(
        a_review(
            any_archive,
            account,
            verdict=Verdict.CORRECT,
            presence=Presence.ABSENT,
            held_seconds=0.0,
        )
    )
    [held] = any_archive.repository.claim_reviews(
        "worker", limit=5, lease_seconds=60, maximum_attempts=3
    )
    assert held.predecessor_sop_instance_uid == first.report_sop_instance_uid
    assert not any_archive.repository.review(first.review_id).is_current


def test_undoing_a_follow_up_lets_the_first_review_stand_again(any_archive: Archive) -> None:
    report_study(any_archive)
    first = verified(any_archive)
    account = any_archive.repository.users()[0]
    second = any_archive.repository.add_review(
        a_review(any_archive, account, verdict=Verdict.UNREADABLE)
    )
    any_archive.repository.undo_review(second.review_id, user_id=account.user_id)
    assert any_archive.repository.review(first.review_id).is_current
    assert any_archive.repository.worklist(limit=9, waiting_cap_seconds=60) == ((), None)


def test_the_first_verified_report_follows_the_ai_result(any_archive: Archive) -> None:
    report_study(any_archive)
    any_archive.repository.add_review(
        a_review(any_archive, a_radiologist(any_archive), held_seconds=0.0)
    )
    [held] = any_archive.repository.claim_reviews(
        "worker", limit=5, lease_seconds=60, maximum_attempts=3
    )
    assert held.predecessor_sop_instance_uid == "1.2.3.1.1.900"


def test_a_review_that_cannot_be_reported_fails_visibly_and_may_be_tried_again(
    any_archive: Archive,
) -> None:
    repository = any_archive.repository
    report_study(any_archive)
    review = repository.add_review(
        a_review(any_archive, a_radiologist(any_archive), held_seconds=0.0)
    )
    [held] = repository.claim_reviews("worker", limit=5, lease_seconds=60, maximum_attempts=3)
    repository.return_review(held, reason="cannot be built", is_hopeless=True)
    [failed] = repository.failed_reviews()
    assert (failed.review_id, failed.failure) == (review.review_id, "cannot be built")
    with pytest.raises(LeaseLost):
        repository.return_review(held, reason="again")
    repository.retry_review(review.review_id)
    assert len(repository.claim_reviews("w", limit=5, lease_seconds=60, maximum_attempts=3)) == 1


def test_reviews_of_a_silent_worker_are_taken_back_and_then_set_aside(
    any_archive: Archive,
) -> None:
    repository = any_archive.repository
    report_study(any_archive)
    repository.add_review(a_review(any_archive, a_radiologist(any_archive), held_seconds=0.0))
    for attempt in (1, 2):
        [held] = repository.claim_reviews("w", limit=5, lease_seconds=-1, maximum_attempts=2)
        assert held.attempt == attempt
    assert repository.claim_reviews("w", limit=5, lease_seconds=-1, maximum_attempts=2) == ()
    assert [review.failure for review in repository.failed_reviews()] == ["its worker went silent"]


def test_a_further_image_asks_for_a_reviewed_study_to_be_read_again(any_archive: Archive) -> None:
    report_study(any_archive)
    verified(any_archive)
    any_archive.repository.record_instance(an_arrival(1, 2))
    items, _ = any_archive.repository.worklist(limit=9, waiting_cap_seconds=60)
    assert [item.study.study_uid for item in items] == [STUDY]
