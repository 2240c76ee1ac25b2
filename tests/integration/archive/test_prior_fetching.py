"""Which studies get their priors looked for, and which come as priors, on both databases."""

from archive.database import Archive
from archive.records import StudyUid
from tests.builders.arrivals import an_arrival
from tests.integration.archive.test_receiving import STUDY, queue_now


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
    other = StudyUid("1.2.3.77")
    assert not repository.expect_prior(STUDY, source="pacs", within_seconds=60)
    assert repository.expect_prior(other, source="pacs", within_seconds=60)
    assert repository.source_of_prior(STUDY) is None
    assert repository.source_of_prior(other) == "pacs"


def test_what_was_expected_too_long_ago_is_an_ordinary_study(any_archive: Archive) -> None:
    other = StudyUid("1.2.3.77")
    assert any_archive.repository.expect_prior(other, source="pacs", within_seconds=-1)
    assert any_archive.repository.source_of_prior(other) is None
