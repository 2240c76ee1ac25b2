"""What a process does before it imports the rooms it runs, so that they start and work well."""

import contextlib
import ctypes
import gc
import os
import sys
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


def let_threads_sleep() -> None:
    """Let OpenMP's threads sleep when they have nothing to do; call it before torch is imported.

    Otherwise they spin until there is more, and take the processor from the parts beside them: with
    two cores nearly half of a worker's time, and a fifteenth of the images per second. A policy
    that the environment names already stays.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # noqa: TID251  # for a library


# glibc's mallopt(3).
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_LARGE_BYTES, _MOST_SPARE_BYTES = 4 << 20, 16 << 20


def give_freed_memory_back() -> None:
    """Let what large arrays took go back to the system when they go; only glibc needs to be told.

    glibc learns from the first that were freed to keep room for more: after large radiographs a
    worker would hold 70 MB for nothing.
    """
    with contextlib.suppress(AttributeError, OSError):
        libc = ctypes.CDLL(None)
        libc.mallopt(_M_MMAP_THRESHOLD, _LARGE_BYTES)
        libc.mallopt(_M_TRIM_THRESHOLD, _MOST_SPARE_BYTES)


# What MONAI imports wherever it is installed and a worker has no use for: training has.
_FOR_TRAINING_ONLY = ("matplotlib", "optuna", "pandas", "sklearn")
# What PyTorch imports wherever it is installed, to compile networks: a worker uses those kernels
# that PyTorch brings, on graphics processors too.
_FOR_COMPILING_ONLY = ("triton",)


def leave_out_what_a_worker_needs_not() -> None:
    """Let MONAI and PyTorch take some packages for missing; call it before they are imported.

    They would cost a worker 0.7 seconds of its start and 120 MB.
    """
    for package in _FOR_TRAINING_ONLY + _FOR_COMPILING_ONLY:
        sys.modules.setdefault(package, None)  # type: ignore[arg-type]  # None: not found
