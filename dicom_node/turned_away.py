"""Callers who were turned away, on their way to the log of associations: few lines, however many.

The first of a kind gets a line at once; its equals of the same minute share a second one. Beyond a
number of kinds a minute all others are only counted, so that nobody who scans the port can fill the
disk, with whatever AE titles. Pure; may be used from any thread.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import replace

from archive.association_records import AssociationOutcome, NewAssociation

WINDOW_SECONDS = 60.0
MOST_KINDS = 20
OTHERS = "further callers, not listed one by one"

_Kind = tuple[AssociationOutcome, str, str, str, str]


class TurnedAway:
    """Gathers callers who were turned away.

    Parameters
    ----------
    clock
        Seconds that only grow.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._began = clock()
        self._known: set[_Kind] = set()
        self._ready: list[NewAssociation] = []
        self._repeats: dict[_Kind, NewAssociation] = {}

    def note(self, caller: NewAssociation) -> None:
        """Add one who was turned away."""
        kind = _kind_of(caller)
        with self._lock:
            if kind in self._known:
                self._count(kind, caller)
            elif len(self._known) < MOST_KINDS:
                self._known.add(kind)
                self._ready.append(caller)
            else:
                other = replace(
                    caller, calling_ae_title="", called_ae_title="", address="", words=OTHERS
                )
                self._count(_kind_of(other), other)

    def take(self, *, everything: bool = False) -> list[NewAssociation]:
        """Return the lines that are due, or all there are; what is returned is forgotten."""
        with self._lock:
            due, self._ready = self._ready, []
            if everything or self._clock() - self._began >= WINDOW_SECONDS:
                due += self._repeats.values()
                self._repeats = {}
                self._known = set()
                self._began = self._clock()
        return due

    def _count(self, kind: _Kind, caller: NewAssociation) -> None:
        before = self._repeats.get(kind)
        self._repeats[kind] = replace(before, count=before.count + 1) if before else caller


def _kind_of(caller: NewAssociation) -> _Kind:
    return (
        caller.outcome,
        caller.calling_ae_title,
        caller.called_ae_title,
        caller.address,
        caller.words,
    )
