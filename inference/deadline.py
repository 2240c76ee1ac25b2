"""Ends a worker whose work does not end: a decoder that loops, a library that waits for itself.

A thread cannot be ended from outside, so the whole process is; it is started again, what it held
comes back when its lease ends, and what does so every time is set aside as FAILED.
"""

import faulthandler
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

EXIT_STATUS = 1

log = structlog.get_logger()


class Deadline:
    """How long the threads of this process may be at one piece of work.

    Parameters
    ----------
    seconds
        From the beginning of a piece to its end.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._lock = threading.Lock()
        self._began: dict[int, float] = {}

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Mark the thread that runs the block."""
        thread = threading.get_ident()
        with self._lock:
            self._began[thread] = time.monotonic()
        try:
            yield
        finally:
            with self._lock:
                del self._began[thread]

    def enforce(self) -> None:
        """End the process if a thread is overdue; call it again and again.

        Where not even that can be called, because a library keeps the interpreter for itself, the
        process ends as long after the last call.
        """
        with self._lock:
            began = min(self._began.values(), default=None)
        if began is not None and time.monotonic() - began > self._seconds:
            log.error("work did not end, ending the worker", seconds=self._seconds)
            faulthandler.dump_traceback()  # places in the code, no values
            os._exit(EXIT_STATUS)
        faulthandler.dump_traceback_later(self._seconds, exit=True)

    def lift(self) -> None:
        """Let the process go on for as long as it likes."""
        faulthandler.cancel_dump_traceback_later()
