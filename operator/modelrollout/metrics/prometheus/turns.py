"""Turns: a few places for many tenants, none of whom can take them all."""

import asyncio
from collections import Counter, deque
from collections.abc import Callable


class Turns:
    """Admits `places` at a time, of one tenant at most `places_of_one`. Tenants that wait are admitted in turn.

    For one event loop at a time.
    """

    def __init__(self, places: int, places_of_one: int) -> None:
        self._free = places
        self._places_of_one = places_of_one
        self._taken: Counter[str] = Counter()
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}

    async def enter(self, tenant: str) -> Callable[[], None]:
        """Wait for a place. Returns what must be called once, when it is free again, from the event loop."""
        place = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(tenant, deque()).append(place)
        self._admit()
        try:
            await place
        except asyncio.CancelledError:
            self._give_up(tenant, place)
            raise
        return lambda: self._leave(tenant)

    def _give_up(self, tenant: str, place: asyncio.Future[None]) -> None:
        if place.done() and not place.cancelled():
            self._leave(tenant)
        elif tenant in self._waiting and place in self._waiting[tenant]:
            self._waiting[tenant].remove(place)
            self._forget(tenant)

    def _leave(self, tenant: str) -> None:
        self._free += 1
        self._taken[tenant] -= 1
        self._forget(tenant)
        self._admit()

    def _admit(self) -> None:
        while self._free and (tenant := self._next_tenant()) is not None:
            place = self._waiting[tenant].popleft()
            # Whoever was admitted goes behind the others.
            self._waiting[tenant] = self._waiting.pop(tenant)
            if place.done():
                self._forget(tenant)
                continue
            self._free -= 1
            self._taken[tenant] += 1
            place.set_result(None)
            self._forget(tenant)

    def _next_tenant(self) -> str | None:
        return next(
            (name for name, places in self._waiting.items() if places and self._taken[name] < self._places_of_one), None
        )

    def _forget(self, tenant: str) -> None:
        if not self._waiting.get(tenant):
            self._waiting.pop(tenant, None)
        if not self._taken[tenant]:
            del self._taken[tenant]
