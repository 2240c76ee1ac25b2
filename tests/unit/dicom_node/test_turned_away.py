from dataclasses import replace

from dicom_node.turned_away import MOST_KINDS, OTHERS, WINDOW_SECONDS, TurnedAway
from tests.builders.calls import REJECTED

A_CALLER = replace(REJECTED, count=1)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_the_first_has_a_line_at_once_and_its_equals_share_one_later() -> None:
    clock = Clock()
    turned_away = TurnedAway(clock)
    for _ in range(5):
        turned_away.note(A_CALLER)
    assert turned_away.take() == [A_CALLER]
    assert turned_away.take() == []
    clock.now = WINDOW_SECONDS
    assert [one.count for one in turned_away.take()] == [4]
    turned_away.note(A_CALLER)
    assert turned_away.take() == [A_CALLER]


def test_whoever_comes_under_ever_new_titles_fills_no_more_than_a_few_lines() -> None:
    clock = Clock()
    turned_away = TurnedAway(clock)
    for number in range(5000):
        turned_away.note(replace(A_CALLER, calling_ae_title=f"X{number}"))
    clock.now = WINDOW_SECONDS
    lines = turned_away.take()
    assert len(lines) == MOST_KINDS + 1
    assert sum(one.count for one in lines) == 5000
    assert (lines[-1].words, lines[-1].calling_ae_title) == (OTHERS, "")


def test_at_the_end_everything_is_told() -> None:
    turned_away = TurnedAway(Clock())
    turned_away.note(A_CALLER)
    turned_away.note(A_CALLER)
    assert [one.count for one in turned_away.take(everything=True)] == [1, 1]
