"""Batches of a worker run beside each other, but a study that was tried before runs alone.

Whatever is under way in a process when a study ends it counts as tried; what may end it must
therefore have nothing beside it, or others share its fate.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Turns:
    """Shared by the threads of one worker; both blocks give whether the thread has its turn."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._beside = 0
        self._alone = False

    @contextmanager
    def beside_others(self) -> Iterator[bool]:
        """Never waits: True unless another thread is alone, or waits to be."""
        with self._changed:
            has_turn = not self._alone
            self._beside += has_turn
        try:
            yield has_turn
        finally:
            with self._changed:
                self._beside -= has_turn
                self._changed.notify_all()

    @contextmanager
    def alone(self) -> Iterator[bool]:
        """Wait until nothing is beside; False, at once, where another thread is or waits to be."""
        with self._changed:
            has_turn = not self._alone
            self._alone = True
            if has_turn:
                self._changed.wait_for(lambda: self._beside == 0)
        try:
            yield has_turn
        finally:
            if has_turn:
                with self._changed:
                    self._alone = False
