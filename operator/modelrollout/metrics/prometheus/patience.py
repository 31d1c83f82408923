"""Patience with queries that ask for too much: one that was too slow or too large is not asked at every look."""

import time
from collections import OrderedDict
from collections.abc import Callable

FIRST_PAUSE = 60.0
LONGEST_PAUSE = 600.0
_MOST_REMEMBERED = 10_000


class Patience:
    """Which queries asked for too much, and for how long they are left alone; safe to use from several threads.

    The pause doubles each time that a query does so again, and ends when it is answered.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._paused: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def seconds_left(self, query: str) -> float:
        """How long the query is left alone from now on; 0 if it may be asked."""
        end, _ = self._paused.get(query, (0.0, 0.0))
        return max(0.0, end - self._clock())

    def asked_for_too_much(self, query: str) -> float:
        """Leave the query alone. Returns for how many seconds."""
        _, pause = self._paused.pop(query, (0.0, FIRST_PAUSE / 2))
        pause = min(2 * pause, LONGEST_PAUSE)
        self._paused[query] = (self._clock() + pause, pause)
        if len(self._paused) > _MOST_REMEMBERED:
            self._paused.popitem(last=False)
        return pause

    def answered(self, query: str) -> None:
        """Forget that the query ever asked for too much."""
        self._paused.pop(query, None)
