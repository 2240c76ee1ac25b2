"""Starts a process without looking for garbage among what it imports, all of which stays."""

import contextlib
import gc
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def collector_at_rest() -> Iterator[Callable[[], None]]:
    """Let Python's collector rest from here on; gives what wakes it, as the end of the block does.

    To import torch and MONAI makes a million objects, and the collector would look through them
    again and again: a fifth of a worker's start. What is there when it wakes, it never looks at:
    going through all of it takes a tenth of a second in the node, for which every association
    waits, and pynetdicom has that done every few seconds.
    """
    gc.disable()
    try:
        yield _wake
    finally:
        gc.unfreeze()  # what libraries made is taken down with them at the end
        gc.enable()


def _wake() -> None:
    gc.freeze()
    gc.enable()
