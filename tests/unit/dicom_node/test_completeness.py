from collections.abc import Iterable
from typing import Any

from archive.records import StudyUid
from archive.repository import Repository
from archive.repository.receiving import analyse_everything
from dicom_node.completeness import Completeness, OpenStudies

FIRST, SECOND = StudyUid("1.2.1"), StudyUid("1.2.2")


class Rows(Repository):
    def __init__(self) -> None:
        self.calls: list[object] = []

    def touch_receiving(self, study_uids: Iterable[StudyUid]) -> None:
        self.calls.append(sorted(study_uids))

    def queue_complete_studies(self, **limits: Any) -> int:
        self.calls.append(limits)
        return 1


def test_a_study_is_open_until_its_last_association_is_gone() -> None:
    studies = OpenStudies()
    studies.add(1, FIRST)
    studies.add(1, SECOND)
    studies.add(2, FIRST)
    assert studies.forget(1) == {FIRST, SECOND}
    assert studies.current() == {FIRST}
    studies.forget(2)
    studies.forget(2)
    assert studies.current() == frozenset()


def test_associations_that_died_without_a_word_are_forgotten() -> None:
    studies = OpenStudies()
    studies.add(1, FIRST)
    studies.add(2, SECOND)
    studies.keep_only({2, 3})
    assert studies.current() == {SECOND}


def test_open_studies_are_touched_before_anything_is_queued_and_then_at_intervals() -> None:
    rows, studies, seconds = Rows(), OpenStudies(), [100.0]
    studies.add(1, FIRST)
    completeness = Completeness(
        rows, studies, quiet_period_seconds=60, cap_seconds=600, clock=lambda: seconds[0]
    )
    limits = {
        "quiet_period_seconds": 60,
        "cap_seconds": 600,
        "still_open": {FIRST},
        "decide": analyse_everything,
    }
    assert completeness.tick() == 1
    assert rows.calls == [[FIRST], limits]
    seconds[0] += 0.5
    completeness.tick()
    assert rows.calls[2:] == [limits]
    seconds[0] += 0.6
    completeness.tick()
    assert rows.calls[3:] == [[FIRST], limits]


def test_a_short_quiet_period_is_touched_within_itself() -> None:
    rows, studies, seconds = Rows(), OpenStudies(), [0.0]
    studies.add(1, FIRST)
    completeness = Completeness(
        rows, studies, quiet_period_seconds=0.3, cap_seconds=600, clock=lambda: seconds[0]
    )
    completeness.tick()
    seconds[0] = 0.11
    completeness.tick()
    assert rows.calls.count([FIRST]) == 2
