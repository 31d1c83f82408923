"""A work queue after the contract of controller-runtime.

A key is handled by one worker at a time, a key that is added while it is handled is handled again, failures are retried
with growing delays, and a handler may ask to be called later.
"""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from modelrollout.ports import KubeError

_LOG = logging.getLogger(__name__)

FIRST_RETRY = 0.5
LAST_RETRY = 60.0


@dataclass(frozen=True, slots=True, order=True)
class Key:
    """Namespace and name of a ModelRollout."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


Handler = Callable[[Key], Awaitable[float | None]]


class WorkQueue:
    """Calls `handler` for each key that is added; its result is the delay in seconds until the next call, or None."""

    def __init__(self, handler: Handler, workers: int) -> None:
        self._handler = handler
        self._workers = workers
        self._ready: asyncio.Queue[Key] = asyncio.Queue()
        self._queued: set[Key] = set()
        self._running: set[Key] = set()
        self._again: set[Key] = set()
        self._failures: dict[Key, int] = {}
        self._timers: dict[Key, asyncio.TimerHandle] = {}

    @property
    def depth(self) -> int:
        """Keys that wait for a worker."""
        return self._ready.qsize()

    def add(self, key: Key) -> None:
        """Have the key handled as soon as a worker is free."""
        if key in self._running:
            self._again.add(key)
        elif key not in self._queued:
            self._queued.add(key)
            self._ready.put_nowait(key)

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
            key = await self._ready.get()
            self._queued.discard(key)
            self._running.add(key)
            try:
                await self._handle(key)
            finally:
                self._running.discard(key)
                if key in self._again:
                    self._again.discard(key)
                    self.add(key)

    async def _handle(self, key: Key) -> None:
        self._cancel_timer(key)
        try:
            delay = await self._handler(key)
        except Exception as error:
            failures = self._failures.get(key, 0)
            self._failures[key] = failures + 1
            delay = random.uniform(0.5, 1.0) * min(LAST_RETRY, FIRST_RETRY * 2 ** min(failures, 10))
            # What the API server refuses is no bug of ours: its words say all that a trace would.
            expected = isinstance(error, KubeError)
            _LOG.warning("%s: again in %.1f s: %s", key, delay, error, exc_info=not expected)
        else:
            self._failures.pop(key, None)
        if delay is not None:
            self.add_after(key, delay)

    def _due(self, key: Key) -> None:
        self._timers.pop(key, None)
        self.add(key)

    def _cancel_timer(self, key: Key) -> None:
        if timer := self._timers.pop(key, None):
            timer.cancel()
