import threading

from dicom_node.backoff import BackOff
from dicom_node.standing import PROBE_SECONDS, Standing

PLAIN = BackOff(first_seconds=2, longest_seconds=900, uniform=lambda _low, _high: 1.0)


class Clock:
    seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


def elsewhere(standing: Standing) -> float:
    """What another courier's `enter` returns."""
    found: list[float] = []
    thread = threading.Thread(target=lambda: found.append(standing.enter()))
    thread.start()
    thread.join()
    return found[0]


def test_a_destination_that_answers_is_open_to_all() -> None:
    standing = Standing(PLAIN, clock=Clock())
    assert standing.enter() == 0
    assert elsewhere(standing) == 0


def test_couriers_that_fail_together_have_seen_one_failure() -> None:
    clock = Clock()
    standing = Standing(PLAIN, clock=clock)
    assert standing.failed() == 2
    clock.seconds += 0.5
    assert standing.failed() == 1.5
    clock.seconds += 1.5
    assert standing.failed() == 4


def test_of_a_destination_that_failed_one_courier_probes_and_the_others_wait() -> None:
    clock = Clock()
    standing = Standing(PLAIN, clock=clock)
    standing.failed()
    assert standing.enter() == 2
    clock.seconds += 2
    assert standing.enter() == 0
    assert elsewhere(standing) == PROBE_SECONDS
    standing.answered()
    assert elsewhere(standing) == 0
    standing.leave()
    assert not standing.is_waiting


def test_a_probe_that_ends_without_a_word_makes_room_for_the_next() -> None:
    clock = Clock()
    standing = Standing(PLAIN, clock=clock)
    standing.failed()
    clock.seconds += 2
    standing.enter()
    standing.leave()
    assert elsewhere(standing) == 0


def test_turns_are_a_pace_apart_and_idle_time_is_not_saved_up() -> None:
    clock = Clock()
    standing = Standing(PLAIN, objects_per_second=4, clock=clock)
    assert [standing.turn_seconds() for _ in range(3)] == [0, 0.25, 0.5]
    clock.seconds += 60
    assert [standing.turn_seconds() for _ in range(2)] == [0, 0.25]


def test_without_a_pace_nobody_waits() -> None:
    standing = Standing(PLAIN, clock=Clock())
    assert {standing.turn_seconds() for _ in range(5)} == {0}
