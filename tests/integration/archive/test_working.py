import threading

import pytest

from archive.database import Archive
from archive.errors import LeaseLost, MoveForbidden
from archive.records import (
    DeliveryState,
    FileKey,
    Outcome,
    Prediction,
    Refusal,
    StudyState,
    StudyUid,
)
from tests.builders.arrivals import A_MODEL, an_arrival, an_outcome
from tests.integration.archive.test_receiving import STUDY, claim, queue_now


def queued(archive: Archive, *studies: int, priority: int = 0) -> None:
    for study in studies:
        archive.repository.record_instance(an_arrival(study=study, priority=priority))
    queue_now(archive)


def test_an_outcome_is_recorded_with_its_report_and_one_delivery_per_destination(
    any_archive: Archive,
) -> None:
    queued(any_archive, 1)
    (held,) = claim(any_archive)
    any_archive.repository.finish_study(held, an_outcome(), destinations=["pacs", "copy"])
    detail = any_archive.repository.study(STUDY)
    assert detail.study.state is StudyState.REPORTED
    assert detail.results[0].outcome == an_outcome()
    assert sorted(one.destination for one in detail.deliveries) == ["copy", "pacs"]
    assert {one.state for one in detail.deliveries} == {DeliveryState.READY}


def test_a_study_is_claimed_by_one_worker_only(any_archive: Archive) -> None:
    queued(any_archive, *range(1, 21))
    claims: list[str] = []
    lock = threading.Lock()

    def work(name: str) -> None:
        while found := claim(any_archive, name, limit=3):
            with lock:
                claims.extend(one.study_uid for one in found)

    workers = [threading.Thread(target=work, args=(f"w{number}",)) for number in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(claims) == 20
    assert len(set(claims)) == 20


def test_a_silent_workers_study_goes_to_another_and_its_late_outcome_is_refused(
    any_archive: Archive,
) -> None:
    queued(any_archive, 1)
    (silent,) = claim(any_archive, "silent", lease_seconds=0)
    (other,) = claim(any_archive, "other")
    assert other.attempt == 2
    with pytest.raises(LeaseLost):
        any_archive.repository.finish_study(silent, an_outcome(), destinations=["pacs"])
    any_archive.repository.finish_study(other, an_outcome(), destinations=["pacs"])
    assert len(any_archive.repository.study(STUDY).results) == 1


def test_a_worker_that_claims_its_own_lost_study_again_cannot_finish_the_first_claim(
    any_archive: Archive,
) -> None:
    queued(any_archive, 1)
    (first,) = claim(any_archive, "same", lease_seconds=0)
    claim(any_archive, "same")
    with pytest.raises(LeaseLost):
        any_archive.repository.finish_study(first, an_outcome(), destinations=[])


def test_a_heartbeat_keeps_the_claim(any_archive: Archive) -> None:
    queued(any_archive, 1)
    claim(any_archive, "w1", lease_seconds=0)
    any_archive.repository.extend_study_leases("w1", lease_seconds=60)
    assert claim(any_archive, "w2") == ()


def test_stat_is_served_before_routine(any_archive: Archive) -> None:
    queued(any_archive, 1, 2)
    queued(any_archive, 3, priority=2)
    (first,) = claim(any_archive, limit=1)
    assert first.study_uid == "1.2.3.3"


def test_a_study_that_was_claimed_before_comes_by_itself(any_archive: Archive) -> None:
    """It may be what ended its worker; nothing else shall share its fate."""
    queued(any_archive, 1, 2, 3, 4)
    claim(any_archive, "dead", lease_seconds=0, limit=2)
    batches = [[one.study_uid for one in claim(any_archive)] for _ in range(4)]
    assert batches == [["1.2.3.1"], ["1.2.3.2"], ["1.2.3.3", "1.2.3.4"], []]


def test_who_has_studies_under_way_claims_none_that_was_claimed_before(
    any_archive: Archive,
) -> None:
    queued(any_archive, 1, 2, 3)
    queued(any_archive, 4, priority=1)
    assert not any_archive.repository.tried_study_is_next()
    claim(any_archive, "dead", lease_seconds=0, limit=3)
    assert claim_untried(any_archive) == []
    assert any_archive.repository.tried_study_is_next()
    queued(any_archive, 5, priority=2)
    assert not any_archive.repository.tried_study_is_next()
    assert claim_untried(any_archive) == ["1.2.3.5"]
    assert claim_untried(any_archive) == []
    assert [one.study_uid for one in claim(any_archive)] == ["1.2.3.4"]


def claim_untried(archive: Archive) -> list[str]:
    claims = archive.repository.claim_studies(
        "w1", limit=8, lease_seconds=60, maximum_attempts=3, only_untried=True
    )
    return [one.study_uid for one in claims]


def test_a_study_that_ends_every_worker_is_set_aside_as_failed(any_archive: Archive) -> None:
    queued(any_archive, 1)
    attempts = []
    while found := claim(any_archive, lease_seconds=0):
        attempts.append(found[0].attempt)
    assert attempts == [1, 2, 3, 4, 5, 6]
    study = any_archive.repository.study(STUDY).study
    assert study.state is StudyState.FAILED
    assert study.refusal is Refusal.PROCESSING_FAILED


def test_a_returned_study_is_queued_again(any_archive: Archive) -> None:
    queued(any_archive, 1)
    (held,) = claim(any_archive)
    any_archive.repository.return_study(held, reason="memory")
    assert any_archive.repository.study(STUDY).study.state is StudyState.QUEUED


def test_an_outcome_must_be_an_end(any_archive: Archive) -> None:
    queued(any_archive, 1)
    (held,) = claim(any_archive)
    outcome = Outcome(state=StudyState.QUEUED, model=A_MODEL)
    with pytest.raises(MoveForbidden):
        any_archive.repository.finish_study(held, outcome, destinations=[])


def test_analysing_again_with_the_same_model_makes_no_second_report_and_delivery(
    any_archive: Archive,
) -> None:
    queued(any_archive, 1)
    (held,) = claim(any_archive)
    any_archive.repository.finish_study(held, an_outcome(), destinations=["pacs"])
    any_archive.repository.request_analysis(STUDY)
    (held,) = claim(any_archive)
    any_archive.repository.finish_study(held, an_outcome(), destinations=["pacs"])
    detail = any_archive.repository.study(STUDY)
    assert (len(detail.reports), len(detail.deliveries)) == (1, 1)
    current = any_archive.repository.current_result(STUDY)
    assert current is not None
    assert current.outcome.reports == detail.reports


def test_a_prediction_is_answered_once(any_archive: Archive) -> None:
    repository = any_archive.repository
    asked = repository.add_prediction(file_key=FileKey("uploads/x"), media_type="image/png")
    assert repository.prediction(asked) is None
    (held,) = repository.claim_predictions("w1", limit=8, lease_seconds=60)
    assert repository.claim_predictions("w2", limit=8, lease_seconds=60) == ()
    answer = Prediction(label="PNEUMONIA", probability=0.9, decision_threshold=0.5, model=A_MODEL)
    repository.finish_prediction(held, answer)
    assert repository.prediction(asked) == answer
    with pytest.raises(LeaseLost):
        repository.finish_prediction(held, answer)
    repository.drop_prediction(asked)


def test_pages_show_every_study_once_newest_first(any_archive: Archive) -> None:
    for number in range(1, 8):
        any_archive.repository.record_instance(an_arrival(study=number))
    seen: list[StudyUid] = []
    cursor = None
    while True:
        page, cursor = any_archive.repository.studies(limit=3, before=cursor)
        seen.extend(one.study_uid for one in page)
        if cursor is None:
            break
    assert seen == [f"1.2.3.{number}" for number in range(7, 0, -1)]
