import threading
from collections.abc import Sequence

import pytest

from archive.together import MOST_AT_ONCE, Together


class Spoiled(Exception):
    pass


class Scene:
    """Counts what is done; the first doing lasts until the others wait for theirs."""

    def __init__(self, others: int) -> None:
        self.done: list[list[int]] = []
        self.may_end = threading.Event()
        self.began = threading.Event()
        self.others = others

    def do_all(self, items: Sequence[int]) -> list[int]:
        self.done.append(list(items))
        if not self.began.is_set():
            self.began.set()
            assert self.may_end.wait(10)
        if 13 in items:
            raise Spoiled
        return [item * 2 for item in items]


def play(scene: Scene, items: Sequence[int]) -> dict[int, int | Exception]:
    """Do 0, and the items while that is under way; return what each got."""
    together = Together(scene.do_all, alone_after=(Spoiled,))
    found: dict[int, int | Exception] = {}

    def wish(item: int) -> None:
        try:
            found[item] = together.do(item)
        except Spoiled as error:
            found[item] = error

    first = threading.Thread(target=wish, args=(0,))
    first.start()
    assert scene.began.wait(10)
    rest = [threading.Thread(target=wish, args=(item,)) for item in items]
    for thread in rest:
        thread.start()
    while len(together._waiting) < len(items):
        pass
    scene.may_end.set()
    for thread in (first, *rest):
        thread.join(10)
    return found


def test_who_comes_while_one_is_served_is_served_next_with_all_others() -> None:
    scene = Scene(5)
    found = play(scene, [1, 2, 3, 4, 5])
    assert found == {item: item * 2 for item in range(6)}
    assert scene.done[0] == [0]
    assert sorted(scene.done[1]) == [1, 2, 3, 4, 5]
    assert len(scene.done) == 2


def test_one_that_spoils_is_told_and_the_others_are_done() -> None:
    found = play(Scene(3), [1, 13, 2])
    assert isinstance(found.pop(13), Spoiled)
    assert found == {0: 0, 1: 2, 2: 4}


def test_one_doing_stays_short() -> None:
    items = list(range(1, MOST_AT_ONCE + 10))
    scene = Scene(len(items))
    found = play(scene, [item + 100 for item in items])
    assert len(found) == len(items) + 1
    assert max(len(done) for done in scene.done) == MOST_AT_ONCE


def test_an_error_reaches_everybody_it_concerns() -> None:
    together = Together(_unavailable)
    with pytest.raises(OSError, match="away"):
        together.do(1)


def _unavailable(_items: Sequence[int]) -> list[int]:
    raise OSError("away")
