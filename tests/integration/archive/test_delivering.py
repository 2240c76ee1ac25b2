import dataclasses

import pytest
from sqlalchemy import select

from archive.account_records import AuditEntry
from archive.database import Archive
from archive.errors import LeaseLost
from archive.records import ClaimedDelivery, DeliveryState, ProcessKind, ReportKind
from archive.schema import deliveries
from tests.builders.arrivals import a_report, an_arrival, an_outcome
from tests.integration.archive.test_receiving import STUDY, claim, queue_now


def reported(archive: Archive, study: int = 1, destinations: tuple[str, ...] = ("pacs",)) -> None:
    archive.repository.record_instance(an_arrival(study=study))
    queue_now(archive)
    (held,) = claim(archive)
    outcome = an_outcome(study)
    with_heat_map = dataclasses.replace(
        outcome, reports=(*outcome.reports, a_report(study, 950, ReportKind.HEAT_MAP))
    )
    archive.repository.finish_study(held, with_heat_map, destinations=destinations)


def take(
    archive: Archive, claimant: str = "s1", lease_seconds: float = 60, limit: int = 16
) -> tuple[ClaimedDelivery, ...]:
    return archive.repository.claim_deliveries(
        claimant, "pacs", limit=limit, lease_seconds=lease_seconds
    )


def states(archive: Archive) -> list[DeliveryState]:
    return [one.state for one in archive.repository.study(STUDY).deliveries]


def test_delivered_needs_a_held_claim(any_archive: Archive) -> None:
    reported(any_archive)
    first, second = take(any_archive)
    any_archive.repository.mark_delivered(first, dicom_status=0)
    with pytest.raises(LeaseLost):
        any_archive.repository.mark_delivered(first, dicom_status=0)
    assert states(any_archive) == [DeliveryState.DELIVERED, DeliveryState.SENDING]
    any_archive.repository.mark_delivered(second, dicom_status=0xB000, reason="warning")
    assert any_archive.repository.deliveries()[0].dicom_status == 0xB000


def test_a_destination_sees_only_its_own(any_archive: Archive) -> None:
    reported(any_archive, destinations=("copy",))
    assert take(any_archive) == ()


def test_a_destination_gets_only_what_its_kind_takes(any_archive: Archive) -> None:
    any_archive.repository.record_instance(an_arrival())
    queue_now(any_archive)
    (held,) = claim(any_archive)
    outcome = an_outcome()
    with_heat_map = dataclasses.replace(
        outcome, reports=(*outcome.reports, a_report(1, 950, ReportKind.HEAT_MAP))
    )
    any_archive.repository.finish_study(
        held,
        with_heat_map,
        destinations=["pacs", "words"],
        takes=lambda name, kind: name == "pacs" or kind is ReportKind.AI_RESULT,
    )
    queued = {(one.destination, one.kind) for one in any_archive.repository.deliveries()}
    assert queued == {
        ("pacs", ReportKind.AI_RESULT),
        ("pacs", ReportKind.HEAT_MAP),
        ("words", ReportKind.AI_RESULT),
    }


def test_a_failed_attempt_waits_and_holds_back_the_later_report_of_its_study(
    any_archive: Archive,
) -> None:
    reported(any_archive)
    first, second = take(any_archive)
    any_archive.repository.retry_delivery(
        first, delay_seconds=60, dicom_status=0xA700, reason="refused: out of resources"
    )
    any_archive.repository.release_deliveries([second], delay_seconds=0, reason="waits")
    assert take(any_archive) == ()
    reported(any_archive, study=2)
    assert len(take(any_archive)) == 2


def test_a_released_delivery_does_not_count_the_attempt(any_archive: Archive) -> None:
    reported(any_archive)
    any_archive.repository.release_deliveries(take(any_archive), delay_seconds=0, reason="no")
    assert [one.attempt for one in take(any_archive)] == [1, 1]


def test_a_silent_senders_deliveries_are_taken_back(any_archive: Archive) -> None:
    reported(any_archive)
    silent = take(any_archive, "silent", lease_seconds=0)
    again = take(any_archive, "other")
    assert [one.attempt for one in again] == [2, 2]
    with pytest.raises(LeaseLost):
        any_archive.repository.mark_delivered(silent[0], dicom_status=0)


def test_a_delivery_given_up_can_be_replayed(any_archive: Archive) -> None:
    reported(any_archive)
    first, second = take(any_archive)
    any_archive.repository.mark_delivered(first, dicom_status=0)
    any_archive.repository.give_up_delivery(second, dicom_status=0xC000, reason="refused")
    assert states(any_archive)[1] is DeliveryState.GAVE_UP
    assert any_archive.repository.replay_deliveries([second.delivery_id]) == 1
    (again,) = take(any_archive)
    assert (again.delivery_id, again.attempt) == (second.delivery_id, 1)


def test_what_is_being_sent_cannot_be_replayed(any_archive: Archive) -> None:
    reported(any_archive)
    held = take(any_archive)
    assert any_archive.repository.replay_deliveries([held[0].delivery_id]) == 0


def test_depths_count_what_waits(any_archive: Archive) -> None:
    reported(any_archive)
    any_archive.repository.record_instance(an_arrival(study=9))
    depths = {one.stage: one.count for one in any_archive.repository.queue_depths()}
    assert depths["ready"] == 2
    assert depths["receiving"] == 1
    assert depths["gave_up"] == 0


def test_a_beat_is_remembered_with_its_age(any_archive: Archive) -> None:
    any_archive.repository.beat(ProcessKind.NODE, "host-1", "starting")
    any_archive.repository.beat(ProcessKind.NODE, "host-1", "listening")
    (beat,) = any_archive.repository.beats()
    assert (beat.kind, beat.detail) == (ProcessKind.NODE, "listening")
    assert 0 <= beat.age_seconds < 60


@pytest.mark.peer("postgresql")
def test_a_later_report_does_not_overtake_one_that_another_sender_is_just_claiming(
    any_archive: Archive,
) -> None:
    reported(any_archive)
    engine = any_archive.repository._engine
    if engine.dialect.name != "postgresql":
        return  # one writer at a time: nobody else can be claiming
    with engine.begin() as other:
        first = other.execute(
            select(deliveries.c.delivery_id)
            .order_by(deliveries.c.delivery_id)
            .limit(1)
            .with_for_update()
        ).scalar_one()
        assert take(any_archive) == ()
    assert [claim.delivery_id for claim in take(any_archive)] == [first, first + 1]


def test_a_delivery_and_its_line_in_the_audit_trail_are_one(any_archive: Archive) -> None:
    repository = any_archive.repository
    reported(any_archive)
    [taken] = take(any_archive, limit=1)
    line = AuditEntry(actor="sender", action="REPORT_SENT", study_uid=taken.study_uid)
    repository.mark_delivered(taken, dicom_status=0, receipt=line)
    with pytest.raises(LeaseLost):
        repository.mark_delivered(taken, dicom_status=0, receipt=line)
    assert [event.entry for event in repository.audit_events(limit=10)] == [line]
    assert repository.verify_audit() == 1


def test_whom_the_node_turned_away_adds_up(any_archive: Archive) -> None:
    for counts in ({"no_tls": 2}, {"no_tls": 1, "stopping": 4}):
        any_archive.repository.count_rejections(counts)
    assert any_archive.repository.rejection_counts() == {"no_tls": 3, "stopping": 4}
