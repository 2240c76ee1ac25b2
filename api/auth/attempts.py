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

    def count(self, *, address: str, login: str | None = None) -> None:
        """Count one try.

        Parameters
        ----------
        address
            Of who tries.
        login
            Whose password is tried; None where another than us asks for it.

        Raises
        ------
        TooManyAttempts
            With the time after which the next may be made.
        """
        keys = [(PER_LOGIN, f"login:{login}")] if login is not None else []
        for limit, key in (*keys, (PER_ADDRESS, f"address:{address}")):
            if not self._limiter.hit(limit, key):
                raise TooManyAttempts(retry_after_seconds=self._wait(limit, key))

    def _wait(self, limit: RateLimitItem, key: str) -> int:
        reset_at = self._limiter.get_window_stats(limit, key).reset_time
        return max(1, math.ceil(reset_at - time.time()))
