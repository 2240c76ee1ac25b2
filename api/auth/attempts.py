"""Slows down who tries passwords: so many tries for an account, and from an address."""

import math
import time

from limits import RateLimitItem, RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from api.errors import TooManyAttempts

PER_LOGIN = RateLimitItemPerMinute(5)
PER_ADDRESS = RateLimitItemPerMinute(30)


class SignInAttempts:
    """Counts tries within this process; a restart forgets them."""

    def __init__(self) -> None:
        self._limiter = MovingWindowRateLimiter(MemoryStorage())

    def count(self, *, login: str, address: str) -> None:
        """Count one try.

        Raises
        ------
        TooManyAttempts
            With the time after which the next may be made.
        """
        for limit, key in ((PER_LOGIN, f"login:{login}"), (PER_ADDRESS, f"address:{address}")):
            if not self._limiter.hit(limit, key):
                raise TooManyAttempts(retry_after_seconds=self._wait(limit, key))

    def _wait(self, limit: RateLimitItem, key: str) -> int:
        reset_at = self._limiter.get_window_stats(limit, key).reset_time
        return max(1, math.ceil(reset_at - time.time()))
