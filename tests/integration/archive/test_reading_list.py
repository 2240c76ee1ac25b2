"""The order of the worklist, on both databases."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from archive.database import Archive
from archive.errors import NotFound
from archive.records import FileKey, Presence, SopInstanceUid, StudyUid
from archive.review_records import Band, HeatMap
from archive.schema import studies
from tests.builders.arrivals import an_arrival, an_outcome
from tests.builders.people import a_radiologist
from tests.web import report_study

LONG = 3600.0


def uids(archive: Archive, cap_seconds: float = LONG, **options: object) -> list[str]:
    items, _ = archive.repository.worklist(
        limit=100,
        waiting_cap_seconds=cap_seconds,
        **options,  # type: ignore[arg-type]
    )
    return [item.study.study_uid.removeprefix("1.2.3.") for item in items]


def fill(archive: Archive) -> None:
    for study, probability in ((1, 0.1), (2, 0.6), (3, 0.4), (4, 0.95), (5, 0.05)):
        report_study(archive, study, outcome=an_outcome(study, 900, probability))
    archive.repository.record_instance(an_arrival(6, 1))


def test_positives_come_by_probability_and_all_others_by_arrival(any_archive: Archive) -> None:
    fill(any_archive)
    assert uids(any_archive) == ["4", "2", "1", "3", "5", "6"]


def test_the_overdue_come_first_whatever_the_model_says(any_archive: Archive) -> None:
    fill(any_archive)
    items, _ = any_archive.repository.worklist(limit=9, waiting_cap_seconds=0)
    assert {item.band for item in items} == {Band.OVERDUE}
    assert uids(any_archive, 0.0) == ["1", "2", "3", "4", "5", "6"]


def test_each_band_says_how_many_wait_and_for_how_long(any_archive: Archive) -> None:
    fill(any_archive)
    depths = any_archive.repository.worklist_depths(waiting_cap_seconds=LONG)
    assert [(one.band, one.count) for one in depths] == [
        (Band.OVERDUE, 0),
        (Band.POSITIVE, 2),
        (Band.ROUTINE, 4),
        (Band.DEFERRED, 0),
    ]
    assert [one.longest_wait_seconds > 0 for one in depths] == [False, True, True, False]


def test_the_mean_wait_is_that_of_all_who_wait_in_a_band(any_archive: Archive) -> None:
    fill(any_archive)
    # Two AI-positives, the worklist's first two: they came 40 and 10 seconds ago.
    now = datetime.now(UTC)
    for study, seconds in (("1.2.3.4", 40), ("1.2.3.2", 10)):
        with any_archive.repository._engine.begin() as connection:
            connection.execute(
                update(studies)
                .where(studies.c.study_uid == study)
                .values(first_received_at=now - timedelta(seconds=seconds))
            )
    depths = any_archive.repository.worklist_depths(waiting_cap_seconds=LONG)
    empty, positive, *_ = depths
    assert positive.longest_wait_seconds - positive.mean_wait_seconds == pytest.approx(15, abs=0.01)
    assert positive.mean_wait_seconds + 0.01 >= 25
    assert (empty.longest_wait_seconds, empty.mean_wait_seconds) == (0.0, 0.0)


def test_a_blind_list_is_ordered_by_arrival_and_tells_nothing_of_the_model(
    any_archive: Archive,
) -> None:
    fill(any_archive)
    repository = any_archive.repository
    user = a_radiologist(any_archive)
    repository.defer(StudyUid("1.2.3.1"), user_id=user.user_id, reason="wait for the prior")
    items, cursor = repository.worklist(limit=3, waiting_cap_seconds=LONG, is_blind=True)
    assert [item.study.study_uid for item in items] == ["1.2.3.2", "1.2.3.3", "1.2.3.4"]
    assert {(item.band, item.presence, item.probability) for item in items} == {
        (Band.ROUTINE, None, None)
    }
    rest, _ = repository.worklist(limit=9, waiting_cap_seconds=LONG, is_blind=True, after=cursor)
    assert [item.study.study_uid for item in rest] == ["1.2.3.5", "1.2.3.6", "1.2.3.1"]
    assert uids(any_archive, band=Band.POSITIVE, is_blind=True) == []
    counts = repository.worklist_counts(waiting_cap_seconds=LONG, is_blind=True)
    assert (counts[Band.POSITIVE], counts[Band.ROUTINE], counts[Band.DEFERRED]) == (0, 5, 1)


def test_pages_follow_each_other_without_gap_or_repeat(any_archive: Archive) -> None:
    fill(any_archive)
    seen: list[str] = []
    cursor: str | None = None
    while True:
        items, cursor = any_archive.repository.worklist(
            limit=2, waiting_cap_seconds=LONG, after=cursor
        )
        seen += [item.study.study_uid for item in items]
        if cursor is None:
            break
    assert [uid.removeprefix("1.2.3.") for uid in seen] == uids(any_archive)


@pytest.mark.parametrize("cursor", ["nonsense", "W10", "eyJhIjogMX0", "\u00e9"])
def test_a_cursor_of_somebody_else_is_not_found(any_archive: Archive, cursor: str) -> None:
    with pytest.raises(NotFound):
        any_archive.repository.worklist(limit=2, waiting_cap_seconds=LONG, after=cursor)


def test_bands_are_counted_and_can_be_asked_for_alone(any_archive: Archive) -> None:
    fill(any_archive)
    assert any_archive.repository.worklist_counts(waiting_cap_seconds=LONG) == {
        Band.OVERDUE: 0,
        Band.POSITIVE: 2,
        Band.ROUTINE: 4,
        Band.DEFERRED: 0,
    }
    assert uids(any_archive, band=Band.POSITIVE) == ["4", "2"]


def test_what_was_put_off_comes_last_with_its_reason(any_archive: Archive) -> None:
    fill(any_archive)
    user = a_radiologist(any_archive)
    any_archive.repository.defer(StudyUid("1.2.3.4"), user_id=user.user_id, reason="wait for prior")
    assert uids(any_archive) == ["2", "1", "3", "5", "6", "4"]
    items, _ = any_archive.repository.worklist(limit=9, waiting_cap_seconds=LONG)
    assert items[-1].deferred_reason == "wait for prior"


def test_an_item_says_who_has_it_open(any_archive: Archive) -> None:
    fill(any_archive)
    user = a_radiologist(any_archive)
    repository, study = any_archive.repository, StudyUid("1.2.3.4")
    repository.begin_reading(study, user_id=user.user_id, lease_seconds=60)
    repository.begin_reading(study, user_id=user.user_id, lease_seconds=60)
    items, _ = repository.worklist(limit=1, waiting_cap_seconds=LONG)
    assert items[0].readers == ("Ito^Ken^^Dr",)
    repository.end_reading(study, user_id=user.user_id)
    assert repository.readers(study) == ()
    repository.begin_reading(study, user_id=user.user_id, lease_seconds=-1)
    assert repository.readers(study) == ()
    with pytest.raises(NotFound):
        repository.begin_reading(StudyUid("9.9"), user_id=user.user_id, lease_seconds=1)


def test_changes_name_the_studies_that_changed_since(any_archive: Archive) -> None:
    fill(any_archive)
    [*_, last] = any_archive.repository.changes(
        any_archive.repository.study(StudyUid("1.2.3.1")).study.first_received_at
    )
    any_archive.repository.record_instance(an_arrival(3, 2))
    after = any_archive.repository.changes(last.changed_at)
    assert after[-1].study_uid == "1.2.3.3"
    assert after[-1].revision > 1


def test_priors_are_the_other_studies_of_the_same_patient(any_archive: Archive) -> None:
    fill(any_archive)
    found = any_archive.repository.priors(StudyUid("1.2.3.2"))
    assert {prior.study.study_uid for prior in found} == {
        f"1.2.3.{number}" for number in (1, 3, 4, 5, 6)
    }


def test_a_heat_map_is_found_by_its_image(any_archive: Archive) -> None:
    heat_map = HeatMap(
        sop_instance_uid=SopInstanceUid("1.2.3.1.1.1"),
        file_key=FileKey("heat/1"),
        file_sha256="a" * 64,
        display_threshold=0.3,
    )
    any_archive.repository.record_heat_map(heat_map)
    any_archive.repository.record_heat_map(heat_map)
    assert any_archive.repository.heat_map("1.2.3.1.1.1") == heat_map
    with pytest.raises(NotFound):
        any_archive.repository.heat_map("1.2")


def test_the_study_row_says_what_the_most_suspicious_image_says(any_archive: Archive) -> None:
    fill(any_archive)
    items, _ = any_archive.repository.worklist(limit=1, waiting_cap_seconds=LONG)
    assert (items[0].presence, items[0].probability) == (Presence.PRESENT, 0.95)
