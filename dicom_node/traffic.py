"""Which associations are open and which of them owe an answer; lets a stop be a clean one."""

import threading
from collections.abc import Collection


class Traffic:
    """Associations of one listener; may be used from any thread, every call is safe to repeat."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: set[int] = set()
        self._busy: set[int] = set()
        self._is_stopping = False

    @property
    def count(self) -> int:
        """How many associations are open."""
        with self._lock:
            return len(self._open)

    def is_open(self, association: int) -> bool:
        """Whether an association was let in and has not left."""
        with self._lock:
            return association in self._open

    @property
    def is_stopping(self) -> bool:
        """Whether new associations are rejected."""
        return self._is_stopping

    def stop(self) -> None:
        """Let no further association in."""
        self._is_stopping = True

    def enter(self, association: int) -> None:
        """Note that an association was let in."""
        with self._lock:
            self._open.add(association)

    def leave(self, association: int) -> None:
        """Note that an association is gone."""
        with self._lock:
            self._open.discard(association)
            self._busy.discard(association)

    def keep_only(self, alive: Collection[int]) -> None:
        """Forget every association but these; for those that ended without a word."""
        with self._lock:
            self._open.intersection_update(alive)
            self._busy.intersection_update(alive)

    def begin(self, association: int) -> None:
        """Note that an association awaits an answer from us."""
        with self._lock:
            self._busy.add(association)

    def end(self, association: int) -> None:
        """Note that the answer was handed to the network."""
        with self._lock:
            self._busy.discard(association)

    def owes_answer(self, association: int) -> bool:
        """Whether an association awaits an answer."""
        with self._lock:
            return association in self._busy
