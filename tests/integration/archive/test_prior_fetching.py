"""Which studies get their priors looked for, and which come as priors, on both databases."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from archive.database import Archive
from archive.errors import NotFound
from archive.prior_records import ExpectedPrior, NamedPatient, PriorSearchState
from archive.records import StudyState, StudyUid
from archive.schema import studies
from tests.builders.arrivals import an_arrival
from tests.integration.archive.test_receiving import STUDY, queue_now

OTHER = StudyUid("1.2.3.77")
EXPECTED = ExpectedPrior(
    source="pacs", patient=NamedPatient(patient_id="P1", issuer_of_patient_id="HERE")
)


def a_queued_study(archive: Archive, study: int = 1) -> None:
    archive.repository.record_instance(an_arrival(study=study, instance=1))
    queue_now(archive)


def test_a_study_is_searched_for_once(any_archive: Archive) -> None:
    repository = any_archive.repository
    repository.record_instance(an_arrival(instance=1))
    assert repository.claim_prior_search(lease_seconds=60) is None
    queue_now(any_archive)
    assert repository.claim_prior_search(lease_seconds=60) == STUDY
    assert repository.claim_prior_search(lease_seconds=60) is None
    repository.finish_prior_search(STUDY, words="2 fetched")
    assert repository.claim_prior_search(lease_seconds=0) is None


def test_a_search_whose_node_went_silent_or_that_failed_is_made_again(
    any_archive: Archive,
) -> None:
    repository = any_archive.repository
    a_queued_study(any_archive)
    assert repository.claim_prior_search(lease_seconds=0) == STUDY
    assert repository.claim_prior_search(lease_seconds=60) == STUDY
    assert repository.prior_search_attempts(STUDY) == 2
    repository.retry_prior_search(STUDY, words="no answer", after_seconds=0)
    assert repository.claim_prior_search(lease_seconds=60) == STUDY
    repository.retry_prior_search(STUDY, words="no answer", after_seconds=60)
    assert repository.claim_prior_search(lease_seconds=60) is None


def test_a_study_that_is_here_is_never_taken_for_a_prior(any_archive: Archive) -> None:
    repository = any_archive.repository
    a_queued_study(any_archive)
    assert not repository.expect_prior(STUDY, EXPECTED, within_seconds=60)
    assert repository.expect_prior(OTHER, EXPECTED, within_seconds=60)
    assert repository.expected_prior(STUDY) is None
    assert repository.expected_prior(OTHER) == EXPECTED


def test_what_was_expected_too_long_ago_is_an_ordinary_study(any_archive: Archive) -> None:
    assert any_archive.repository.expect_prior(OTHER, EXPECTED, within_seconds=-1)
    assert any_archive.repository.expected_prior(OTHER) is None


def shown(archive: Archive) -> list[str]:
    return [str(prior.study.study_uid) for prior in archive.repository.priors(STUDY)]


def test_what_comes_as_a_prior_is_shown_once_all_of_it_is_the_patients(
    any_archive: Archive,
) -> None:
    repository = any_archive.repository
    a_queued_study(any_archive)
    assert repository.expect_prior(OTHER, EXPECTED, within_seconds=60)
    repository.record_instance(an_arrival(study=77, instance=1))
    assert shown(any_archive) == []
    queue_now(any_archive)
    assert shown(any_archive) == []
    repository.judge_prior(OTHER, is_same_patient=True)
    assert shown(any_archive) == [OTHER]
    repository.record_instance(an_arrival(study=77, instance=2))
    assert repository.study(OTHER).study.state is StudyState.RECEIVING
    assert shown(any_archive) == []


def test_another_patients_study_is_never_shown_however_long_ago_it_came(
    any_archive: Archive,
) -> None:
    repository = any_archive.repository
    a_queued_study(any_archive)
    assert repository.expect_prior(OTHER, EXPECTED, within_seconds=-1)
    repository.record_instance(an_arrival(study=77, instance=1))
    assert shown(any_archive) == [OTHER]
    repository.judge_prior(OTHER, is_same_patient=False)
    # Looking for others forgets what was expected too long ago.
    assert repository.expect_prior(StudyUid("1.2.3.78"), EXPECTED, within_seconds=60)
    assert shown(any_archive) == []


def test_searches_are_listed_by_state_and_page_by_page(any_archive: Archive) -> None:
    repository = any_archive.repository
    for study in (1, 2, 3):
        a_queued_study(any_archive, study)
        assert repository.claim_prior_search(lease_seconds=60)
    repository.finish_prior_search(StudyUid("1.2.3.1"), words="2 fetched")
    repository.give_up_prior_search(StudyUid("1.2.3.2"), words="no answer")
    seen: list[tuple[str, str, str]] = []
    cursor: str | None = None
    while True:
        found, cursor = repository.prior_searches(limit=2, before=cursor)
        seen += [(one.study_uid, one.state, one.words) for one in found]
        if cursor is None:
            break
    assert seen == [
        ("1.2.3.3", "WAITING", ""),
        ("1.2.3.2", "GAVE_UP", "given up: no answer"),
        ("1.2.3.1", "DONE", "2 fetched"),
    ]
    assert set(repository.prior_search_counts().values()) == {1}
    [given_up], _ = repository.prior_searches(limit=9, state=PriorSearchState.GAVE_UP)
    assert given_up.study_uid == "1.2.3.2"
    with pytest.raises(NotFound):
        repository.prior_searches(limit=9, before="nonsense")


def test_a_finished_search_is_made_again_when_it_is_asked_for_however_old_the_study_is(
    any_archive: Archive,
) -> None:
    repository = any_archive.repository
    a_queued_study(any_archive)
    assert repository.claim_prior_search(lease_seconds=60) == STUDY
    with pytest.raises(NotFound):
        repository.replay_prior_search(STUDY)
    repository.give_up_prior_search(STUDY, words="no answer")
    with repository._writing() as connection:
        connection.execute(
            update(studies).values(first_received_at=datetime.now(UTC) - timedelta(days=9))
        )
    repository.replay_prior_search(STUDY)
    assert repository.claim_prior_search(lease_seconds=60) == STUDY
    assert repository.prior_search_attempts(STUDY) == 1
