"""A work queue after the contract of controller-runtime.

A key is handled by one worker at a time, a key that is added while it is handled is handled again, failures are retried
with growing delays, and a handler may ask to be called later. Of the keys that wait, the most urgent go first, and of
those the ones that were handled least recently: whoever is late is not put off for ever.
"""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import IntEnum
from time import monotonic

from modelrollout.ports import KubeError

_LOG = logging.getLogger(__name__)

FIRST_RETRY = 0.5
LAST_RETRY = 60.0
LAST_URGENT_RETRY = 5.0


@dataclass(frozen=True, slots=True, order=True)
class Key:
    """Namespace and name of a ModelRollout."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


Handler = Callable[[Key], Awaitable[float | None]]


class Urgency(IntEnum):
    """What goes first."""

    URGENT = 0
    """Traffic may have to be taken from somebody."""
    CHANGED = 1
    """Something has happened."""
    DUE = 2
    """It is time for the next look."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    urgency: Urgency
    since: float


class WorkQueue:
    """Calls `handler` for each key that is added; its result is the delay in seconds until the next call, or None.

    is_urgent: whether a key goes first, whatever it was added for. waited: told how many seconds each key has waited.
    """

    def __init__(
        self,
        handler: Handler,
        workers: int,
        is_urgent: Callable[[Key], bool] = lambda _: False,
        waited: Callable[[float], None] = lambda _: None,
    ) -> None:
        self._handler = handler
        self._workers = workers
        self._is_urgent = is_urgent
        self._waited = waited
        # Holds a key once more for each time that it became more urgent; only the last one counts.
        self._ready: asyncio.PriorityQueue[tuple[Urgency, float, Key]] = asyncio.PriorityQueue()
        self._waiting: dict[Key, _Waiting] = {}
        self._handled: dict[Key, float] = {}
        self._running: set[Key] = set()
        self._again: dict[Key, Urgency] = {}
        self._failures: dict[Key, int] = {}
        self._timers: dict[Key, asyncio.TimerHandle] = {}

    @property
    def depth(self) -> int:
        """Keys that wait for a worker."""
        return len(self._waiting)

    def add(self, key: Key, urgency: Urgency = Urgency.CHANGED) -> None:
        """Have the key handled as soon as a worker is free."""
        if key in self._running:
            self._again[key] = min(urgency, self._again.get(key, urgency))
            return
        if self._is_urgent(key):
            urgency = Urgency.URGENT
        earlier = self._waiting.get(key)
        if earlier is None or urgency < earlier.urgency:
            self._waiting[key] = _Waiting(urgency, earlier.since if earlier else monotonic())
            self._ready.put_nowait((urgency, self._handled.get(key, 0.0), key))

    def add_after(self, key: Key, delay: float) -> None:
        """Have the key handled in `delay` seconds, in place of an earlier such wish."""
        self._cancel_timer(key)
        self._timers[key] = asyncio.get_running_loop().call_later(delay, self._due, key)

    async def run(self) -> None:
        """Work until cancelled."""
        async with asyncio.TaskGroup() as group:
            for _ in range(self._workers):
                group.create_task(self._work())

    async def _work(self) -> None:
        while True:
            key = await self._next()
            self._running.add(key)
            try:
                await self._handle(key)
            finally:
                self._running.discard(key)
                if (urgency := self._again.pop(key, None)) is not None:
                    self.add(key, urgency)

    async def _next(self) -> Key:
        while True:
            urgency, _, key = await self._ready.get()
            waiting = self._waiting.get(key)
            if waiting is not None and waiting.urgency == urgency:
                del self._waiting[key]
                self._waited(monotonic() - waiting.since)
                return key

    async def _handle(self, key: Key) -> None:
        self._cancel_timer(key)
        try:
            delay = await self._handler(key)
        except Exception as error:
            failures = self._failures.get(key, 0)
            self._failures[key] = failures + 1
            longest = LAST_URGENT_RETRY if self._is_urgent(key) else LAST_RETRY
            delay = random.uniform(0.5, 1.0) * min(longest, FIRST_RETRY * 2 ** min(failures, 10))
            # What the API server refuses is no bug of ours: its words say all that a trace would.
            expected = isinstance(error, KubeError)
            _LOG.warning("%s: again in %.1f s: %s", key, delay, error, exc_info=not expected)
        else:
            self._failures.pop(key, None)
        if delay is None:
            self._handled.pop(key, None)
        else:
            self._handled[key] = monotonic()
            self.add_after(key, delay)

    def _due(self, key: Key) -> None:
        self._timers.pop(key, None)
        self.add(key, Urgency.DUE)

    def _cancel_timer(self, key: Key) -> None:
        if timer := self._timers.pop(key, None):
            timer.cancel()
