"""When to try a request again, and after how long."""

import random
from collections.abc import Callable
from dataclasses import dataclass

# 409 and 422 tell the caller something; these tell it nothing but that the server could not answer now.
RETRIABLE_STATUSES = frozenset({429, 500, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Exponential backoff with full jitter: attempt n waits between 0 and `base * 2**n` seconds, up to `cap`.

    attempts: how often a request is sent at most. base, cap, budget: seconds. No further attempt is begun if
    it would start more than `budget` after the first one.
    Source: "Exponential Backoff And Jitter", AWS Architecture Blog.
    """

    attempts: int = 5
    base: float = 0.2
    cap: float = 5.0
    budget: float = 30.0

    def delay(
        self,
        attempt: int,
        elapsed: float,
        retry_after: float | None = None,
        uniform: Callable[[float, float], float] = random.uniform,
    ) -> float | None:
        """Seconds to wait after failed attempt number `attempt` (from 0), or None to give up.

        A server that says when to come back (`retry_after`) is asked no earlier, nor by all clients at once.
        """
        if attempt + 1 >= self.attempts:
            return None
        delay = uniform(0.0, min(self.cap, self.base * 2**attempt)) + (retry_after or 0.0)
        return delay if elapsed + delay <= self.budget else None
