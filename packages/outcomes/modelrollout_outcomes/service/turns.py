"""Few writers at once: who comes when they are all busy is told to come again, before anything is read."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import ParamSpec, TypeVar

from anyio import CapacityLimiter, to_thread
from fastapi import HTTPException

_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")

RETRY_SECONDS = 1


class Turns:
    """Runs what blocks on threads of its own, as many at once as there are turns."""

    def __init__(self, turns: int) -> None:
        self._turns = turns
        self._taken = 0
        self._limiter = CapacityLimiter(turns)

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Hold a turn. Answers 503 with Retry-After when there is none."""
        if self._taken >= self._turns:
            raise busy("all writers are busy")
        self._taken += 1
        try:
            yield
        finally:
            self._taken -= 1

    async def run(self, call: Callable[_Arguments, _Result], *arguments: _Arguments.args) -> _Result:  # type: ignore[valid-type]
        """Run what blocks on a thread."""
        return await to_thread.run_sync(call, *arguments, limiter=self._limiter)


def busy(why: str) -> HTTPException:
    """An answer that says: not now, come again."""
    return HTTPException(503, why, headers={"Retry-After": str(RETRY_SECONDS)})
