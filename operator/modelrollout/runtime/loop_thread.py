"""An event loop on a thread of its own, for what must not wait while another loop is busy."""

import asyncio
from collections.abc import Coroutine
from threading import Thread
from typing import Any, Self, TypeVar

T = TypeVar("T")


class LoopThread:
    """A thread with an event loop, from entering the context until leaving it."""

    def __init__(self, name: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._left = asyncio.Event()
        self._thread = Thread(target=self._run_loop, name=name, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._left.set)
        self._thread.join()

    def _run_loop(self) -> None:
        # Cancels at its end what still runs.
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._left.wait())

    async def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine there and wait for it here. If the wait is cancelled, so is the coroutine."""
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(coroutine, self._loop))
