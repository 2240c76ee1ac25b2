"""How one destination stands with us, shared by its couriers: back-off, one probe, and its pace."""

import threading
import time
from collections.abc import Callable

from dicom_node.backoff import BackOff

# Who waits for another courier's probe looks again after this long.
PROBE_SECONDS = 0.1


class Standing:
    """May be used from any thread.

    Parameters
    ----------
    back_off
        How long a destination that failed is left alone.
    objects_per_second
        The most that it is sent; None: as much as it takes.
    clock
        Seconds that only grow.
    """

    def __init__(
        self,
        back_off: BackOff,
        *,
        objects_per_second: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._back_off = back_off
        self._seconds_per_object = 1 / objects_per_second if objects_per_second else 0.0
        self._clock = clock
        self._lock = threading.Lock()
        self._failures = 0
        self._waits_until = float("-inf")
        self._prober: int | None = None
        self._next_turn_at = float("-inf")

    @property
    def is_waiting(self) -> bool:
        """Whether the destination failed and has not answered since."""
        return self._failures > 0

    @property
    def remaining_seconds(self) -> float:
        """How long it is still left alone."""
        return max(0.0, self._waits_until - self._clock())

    def enter(self) -> float:
        """Begin to work for it, or return the seconds to wait; of a failed one, one may probe.

        Whoever got 0 calls `leave` afterwards.
        """
        with self._lock:
            if self.remaining_seconds > 0:
                return self.remaining_seconds
            if self._failures and self._prober is not None:
                return PROBE_SECONDS
            if self._failures:
                self._prober = threading.get_ident()
            return 0.0

    def leave(self) -> None:
        """End to work for it."""
        with self._lock:
            if self._prober == threading.get_ident():
                self._prober = None

    def answered(self) -> None:
        """Note that it is there."""
        with self._lock:
            self._failures = 0

    def failed(self) -> float:
        """Note that it is not; returns the seconds for which it is left alone."""
        with self._lock:
            # Couriers that fail together have seen one failure, not several.
            if self.remaining_seconds == 0:
                self._failures += 1
                delay_seconds = self._back_off.delay_seconds(self._failures)
                self._waits_until = self._clock() + delay_seconds
                return delay_seconds
            return self.remaining_seconds

    def turn_seconds(self) -> float:
        """Take the next turn to send one object, and return the seconds to wait for it."""
        with self._lock:
            now = self._clock()
            turn_at = max(now, self._next_turn_at)
            self._next_turn_at = turn_at + self._seconds_per_object
            return turn_at - now
