"""Who may have studies under way beside whom."""

import threading

from inference.turns import Turns
from tests.processes import wait_until

WITHIN_SECONDS = 10


def test_several_may_be_beside_each_other() -> None:
    turns = Turns()
    with turns.beside_others() as first, turns.beside_others() as second:
        assert first
        assert second


def test_nobody_is_beside_who_is_alone() -> None:
    turns = Turns()
    with turns.alone() as alone:
        assert alone
        with turns.beside_others() as beside:
            assert not beside
        with turns.alone() as second:
            assert not second
    with turns.beside_others() as beside:
        assert beside


def test_who_wants_to_be_alone_waits_for_those_at_work_and_lets_no_more_begin() -> None:
    turns = Turns()
    entered, leave = threading.Event(), threading.Event()

    def be_alone() -> None:
        with turns.alone() as has_turn:
            assert has_turn
            entered.set()
            assert leave.wait(WITHIN_SECONDS)

    with turns.beside_others():
        thread = threading.Thread(target=be_alone)
        thread.start()
        wait_until(lambda: not may_begin(turns), within_seconds=WITHIN_SECONDS)
        assert not entered.is_set()
    assert entered.wait(WITHIN_SECONDS)
    assert not may_begin(turns)
    leave.set()
    thread.join(WITHIN_SECONDS)
    assert may_begin(turns)


def may_begin(turns: Turns) -> bool:
    with turns.beside_others() as has_turn:
        return has_turn
