from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import pytest
from sqlalchemy import select, text

from archive.database import Archive
from archive.errors import ArchiveUnavailable, LeaseLost, NotFound
from archive.records import ClaimedStudy, Recorded, StudyState, StudyUid
from archive.schema import studies
from tests.builders.arrivals import an_arrival, an_outcome

STUDY = StudyUid("1.2.3.1")


def queue_now(archive: Archive) -> int:
    return archive.repository.queue_complete_studies(quiet_period_seconds=0, cap_seconds=600)


def claim(
    archive: Archive, claimant: str = "w1", lease_seconds: float = 60, limit: int = 8
) -> tuple[ClaimedStudy, ...]:
    return archive.repository.claim_studies(
        claimant, limit=limit, lease_seconds=lease_seconds, maximum_attempts=3
    )


def test_a_new_instance_makes_a_receiving_study_with_its_attributes(any_archive: Archive) -> None:
    assert any_archive.repository.record_instance(an_arrival(instance=1)) is Recorded.NEW
    detail = any_archive.repository.study(STUDY)
    assert detail.study.state is StudyState.RECEIVING
    assert detail.study.attributes.patient_name == "Doe^Jane"
    assert [one.key.sop_instance_uid for one in detail.instances] == ["1.2.3.1.1.1"]


def test_the_same_object_again_is_a_duplicate_and_changes_nothing(any_archive: Archive) -> None:
    repository = any_archive.repository
    repository.record_instance(an_arrival(instance=1))
    queue_now(any_archive)
    before = repository.study(STUDY).study
    assert repository.record_instance(an_arrival(instance=1)) is Recorded.DUPLICATE
    assert repository.study(STUDY).study == before


def test_another_object_under_the_same_uid_is_a_conflict(any_archive: Archive) -> None:
    repository = any_archive.repository
    repository.record_instance(an_arrival(instance=1, content="a"))
    assert repository.record_instance(an_arrival(instance=1, content="b")) is Recorded.CONFLICT
    known = repository.recorded_file("1.2.3.1.1.1")
    assert known is not None
    assert known.file_sha256 == "a" * 64
    assert repository.recorded_file("1.2.3.1.1.2") is None


def test_objects_that_arrive_at_one_moment_are_each_recorded_for_what_they_are(
    any_archive: Archive,
) -> None:
    repository = any_archive.repository
    repository.record_instance(an_arrival(study=1, instance=1, content="a"))
    arrivals = [an_arrival(study=number % 3 + 1, instance=number + 2) for number in range(12)]
    arrivals.insert(4, an_arrival(study=1, instance=1, content="a"))
    arrivals.insert(9, an_arrival(study=1, instance=1, content="b"))
    with ThreadPoolExecutor(len(arrivals)) as pool:
        recorded = list(pool.map(repository.record_instance, arrivals))
    expected = [Recorded.NEW] * 12
    expected.insert(4, Recorded.DUPLICATE)
    expected.insert(9, Recorded.CONFLICT)
    assert recorded == expected
    counts = [len(repository.study(StudyUid(f"1.2.3.{one}")).instances) for one in (1, 2, 3)]
    assert counts == [5, 4, 4]


def test_a_further_image_may_raise_its_studys_priority_and_never_lowers_it(
    any_archive: Archive,
) -> None:
    repository = any_archive.repository
    for instance, priority, expected in ((1, 1, 1), (2, 2, 2), (3, 0, 2)):
        repository.record_instance(an_arrival(instance=instance, priority=priority))
        assert repository.study(STUDY).study.priority == expected


def test_a_further_image_does_not_move_the_hard_cap_of_an_open_study(
    any_archive: Archive,
) -> None:
    repository = any_archive.repository
    columns = select(studies.c.receiving_since, studies.c.last_received_at)

    def times() -> tuple[datetime, datetime]:
        with repository._reading() as connection:
            row = connection.execute(columns).one()
        return row.receiving_since, row.last_received_at

    repository.record_instance(an_arrival(instance=1))
    opened, first = times()
    repository.record_instance(an_arrival(instance=2))
    still, second = times()
    assert still == opened
    assert second > first
    queue_now(any_archive)
    repository.record_instance(an_arrival(instance=3))
    assert times()[0] > opened


def test_an_instance_that_claims_another_study_is_a_conflict_and_leaves_no_study(
    any_archive: Archive,
) -> None:
    repository = any_archive.repository
    first = an_arrival(study=1, instance=1)
    repository.record_instance(first)
    other = an_arrival(study=2, instance=1)
    moved = type(other)(
        **{
            **{name: getattr(other, name) for name in other.__dataclass_fields__},
            "key": type(other.key)(
                study_uid=other.key.study_uid,
                series_uid=other.key.series_uid,
                sop_instance_uid=first.key.sop_instance_uid,
            ),
        }
    )
    assert repository.record_instance(moved) is Recorded.CONFLICT
    with pytest.raises(NotFound):
        repository.study(StudyUid("1.2.3.2"))


def test_a_study_is_queued_only_after_the_quiet_period(any_archive: Archive) -> None:
    repository = any_archive.repository
    repository.record_instance(an_arrival())
    assert repository.queue_complete_studies(quiet_period_seconds=60, cap_seconds=600) == 0
    assert repository.queue_complete_studies(quiet_period_seconds=0, cap_seconds=600) == 1
    assert repository.study(STUDY).study.state is StudyState.QUEUED


def test_a_study_whose_association_is_open_is_ended_by_the_hard_cap_alone(
    any_archive: Archive,
) -> None:
    repository = any_archive.repository
    repository.record_instance(an_arrival())

    def queued(cap_seconds: float) -> int:
        return repository.queue_complete_studies(
            quiet_period_seconds=0, cap_seconds=cap_seconds, still_open={STUDY}
        )

    assert queued(cap_seconds=600) == 0
    assert queued(cap_seconds=0) == 1


def test_the_hard_cap_ends_a_study_that_is_never_quiet(any_archive: Archive) -> None:
    repository = any_archive.repository
    repository.record_instance(an_arrival())
    repository.touch_receiving([STUDY])
    assert repository.queue_complete_studies(quiet_period_seconds=60, cap_seconds=0) == 1


def test_a_late_image_takes_the_study_from_its_worker(any_archive: Archive) -> None:
    repository = any_archive.repository
    repository.record_instance(an_arrival())
    queue_now(any_archive)
    (held,) = claim(any_archive)
    repository.record_instance(an_arrival())
    with pytest.raises(LeaseLost):
        repository.finish_study(held, an_outcome(), destinations=["pacs"])
    assert repository.study(STUDY).results == ()
    queue_now(any_archive)
    (again,) = claim(any_archive)
    assert len(again.instances) == 2


def test_a_late_image_after_the_report_gives_a_second_result_that_replaces_the_first(
    any_archive: Archive,
) -> None:
    repository = any_archive.repository
    repository.record_instance(an_arrival())
    queue_now(any_archive)
    (held,) = claim(any_archive)
    repository.finish_study(held, an_outcome(number=901), destinations=["pacs"])
    repository.record_instance(an_arrival())
    queue_now(any_archive)
    (held,) = claim(any_archive)
    repository.finish_study(held, an_outcome(number=902), destinations=["pacs"])
    newest, oldest = repository.study(STUDY).results
    assert (newest.is_current, oldest.is_current) == (True, False)
    assert newest.outcome.reports[0].key.sop_instance_uid == "1.2.3.1.1.902"
    assert len(repository.study(STUDY).deliveries) == 2


def test_a_database_that_went_away_is_unavailable_without_a_patients_name(
    any_archive: Archive,
) -> None:
    with any_archive.repository._engine.begin() as connection:
        connection.execute(text("ALTER TABLE instances RENAME TO gone"))
    with pytest.raises(ArchiveUnavailable) as caught:
        any_archive.repository.record_instance(an_arrival())
    assert "Doe" not in str(caught.value)
