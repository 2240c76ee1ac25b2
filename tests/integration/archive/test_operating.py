"""Errands and paused destinations, on both databases."""

import pytest

from archive.database import Archive
from archive.errors import LeaseLost, NotFound
from archive.operation_records import ErrandKind, FailureQuery
from archive.records import DeliveryState
from tests.web import report_study


def test_a_paused_destination_gets_nothing_until_it_is_resumed(any_archive: Archive) -> None:
    repository = any_archive.repository
    report_study(any_archive)
    repository.pause_destination("pacs", paused_by="ann")
    repository.pause_destination("pacs", paused_by="bob")
    assert repository.claim_deliveries("s", "pacs", limit=1, lease_seconds=60) == ()
    [standing] = repository.destination_standings(["pacs"])
    assert (standing.is_paused, standing.paused_by, standing.waiting) == (True, "ann", 1)
    repository.resume_destination("pacs")
    assert len(repository.claim_deliveries("s", "pacs", limit=1, lease_seconds=60)) == 1


def test_an_errand_is_run_once_and_tells_what_came_of_it(any_archive: Archive) -> None:
    repository = any_archive.repository
    number = repository.ask_errand(ErrandKind.ECHO, "pacs", asked_by="ann")
    assert repository.errand(number).is_ok is None
    [claim] = repository.claim_errands("s", limit=5, lease_seconds=60)
    assert repository.claim_errands("t", limit=5, lease_seconds=60) == ()
    repository.finish_errand(claim, is_ok=True, words="answered", seconds=0.02)
    with pytest.raises(LeaseLost):
        repository.finish_errand(claim, is_ok=False, words="again", seconds=0.02)
    assert repository.errand(number).is_ok is True
    [standing] = repository.destination_standings(["pacs"])
    assert standing.last_errand is not None
    assert standing.last_errand.words == "answered"


def test_a_destination_tells_its_last_failure_and_what_was_given_up(any_archive: Archive) -> None:
    repository = any_archive.repository
    report_study(any_archive)
    [claim] = repository.claim_deliveries("s", "pacs", limit=1, lease_seconds=60)
    repository.give_up_delivery(claim, dicom_status=0xA700, reason="out of resources")
    [standing] = repository.destination_standings(["pacs"])
    assert (standing.gave_up, standing.waiting, standing.last_failure) == (1, 0, "out of resources")
    assert repository.deliveries_matching(
        state=DeliveryState.GAVE_UP, destination="pacs", limit=9
    ) == (claim.delivery_id,)


def test_a_waiting_delivery_can_be_abandoned(any_archive: Archive) -> None:
    repository = any_archive.repository
    report_study(any_archive)
    [number] = repository.deliveries_matching(state=DeliveryState.READY, destination=None, limit=9)
    repository.abandon_delivery(number, reason="not wanted")
    assert repository.delivery(number).state is DeliveryState.GAVE_UP
    with pytest.raises(NotFound):
        repository.abandon_delivery(number, reason="again")


def test_failures_are_found_by_words_in_any_case(any_archive: Archive) -> None:
    repository = any_archive.repository
    report_study(any_archive)
    [claim] = repository.claim_deliveries("s", "pacs", limit=1, lease_seconds=60)
    repository.give_up_delivery(claim, dicom_status=0xA700, reason="Disk is full")
    found = FailureQuery(destination="pacs", state=DeliveryState.GAVE_UP, words="full DISK")
    assert [one.delivery_id for one in repository.failures(found, limit=9)] == [claim.delivery_id]
    assert repository.failures(found, limit=9, before=claim.delivery_id) == ()
    assert repository.given_up(found, limit=9) == (claim.delivery_id,)
    assert repository.given_up(FailureQuery(words="100"), limit=9) == ()
