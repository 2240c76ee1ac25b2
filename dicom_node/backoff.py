"""How long to wait before the next attempt: doubling, with jitter, up to a limit. Pure."""

from collections.abc import Callable
from dataclasses import dataclass
from secrets import SystemRandom

# Attempts of several senders and destinations must not fall together.
_JITTER = (0.75, 1.25)
_MOST_DOUBLINGS = 32


@dataclass(frozen=True, kw_only=True)
class BackOff:
    """A rule for waiting.

    Parameters
    ----------
    uniform
        Returns a number between its two arguments.
    """

    first_seconds: float
    longest_seconds: float
    uniform: Callable[[float, float], float] = SystemRandom().uniform

    def delay_seconds(self, failures: int) -> float:
        """Return the wait after the given number of failures in a row, 1 or more."""
        doublings = min(max(failures, 1) - 1, _MOST_DOUBLINGS)
        plain: float = min(self.first_seconds * 2.0**doublings, self.longest_seconds)
        return min(plain * self.uniform(*_JITTER), self.longest_seconds)
