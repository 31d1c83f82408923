"""How kopf reaches the API server: over a session of ours, which logs in anew and paces watches that break."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from time import monotonic

import kopf
from aiohttp import ClientHandlerType, ClientRequest, ClientResponse, ClientSession, TCPConnector
from kubernetes.aio.client import Configuration
from kubernetes.aio.client.rest import RESTClientObject

from modelrollout.kube.access import load

_LOG = logging.getLogger(__name__)

LASTING_SECONDS = 10.0
"""A watch that lasts for so long was a good one."""

MAX_BROKEN = 8
"""So many watches of one kind may break one after the other. The waits between them add up to about a minute."""

FIRST_WAIT, LAST_WAIT = 0.5, 20.0


class WatchesBroken(Exception):
    """Watches are answered and break at once, again and again: nothing that happens is seen."""


class Sessions:
    """Sessions for kopf, with the credentials of the operator's own client. Close it after use."""

    def __init__(self) -> None:
        self._sessions: list[ClientSession] = []

    async def log_in(self, **_: object) -> kopf.AiohttpSession:
        """A session with credentials as they are now. Raises NoAccess."""
        configuration = Configuration()
        await load(configuration)

        async def authorize(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
            # Reads the token of a pod anew when it is a minute old.
            if token := await configuration.get_api_key_with_prefix("BearerToken", alias="authorization"):
                request.headers["Authorization"] = token
            return await handler(request)

        session = ClientSession(
            connector=TCPConnector(limit=0, ssl=RESTClientObject(configuration).ssl_context),
            proxy=configuration.proxy,
            trust_env=True,
            middlewares=(Pace(), authorize),
        )
        self._sessions.append(session)
        return kopf.AiohttpSession(server=configuration.host, aiohttp_session=session)

    async def close(self) -> None:
        """Drop the connections."""
        for session in self._sessions:
            await session.close()


@dataclass(slots=True)
class Pace:
    """A middleware that lets a watch follow one that broke only after a wait, which grows each time.

    kopf reconnects at once when a watch ends, however soon that was. Raises WatchesBroken when it helps no longer.
    sleep is a parameter for tests.
    """

    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    _watches: dict[str, "_Watch"] = field(default_factory=dict)

    async def __call__(self, request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        if "watch" not in request.url.query:
            return await handler(request)
        path = request.url.path
        watch = self._watches.setdefault(path, _Watch())
        wait = watch.wait(monotonic())
        if watch.broken >= MAX_BROKEN:
            raise WatchesBroken(f"{watch.broken} watches of {path} in a row broke at once")
        if wait:
            _LOG.warning("%d watches of %s in a row broke at once: again in %.1f s", watch.broken, path, wait)
            await self.sleep(wait)
        response = await handler(request)
        if response.ok:
            watch.answered = monotonic()
        return response


@dataclass(slots=True)
class _Watch:
    """answered: when the last one was, by the monotonic clock. broken: how many in a row were cut short."""

    answered: float | None = None
    broken: int = 0

    def wait(self, now: float) -> float:
        """Seconds to wait before the next one."""
        if self.answered is None:
            return 0.0
        self.broken = self.broken + 1 if now - self.answered < LASTING_SECONDS else 0
        self.answered = None
        return random.uniform(0.5, 1.0) * min(LAST_WAIT, FIRST_WAIT * 2**self.broken) if self.broken else 0.0
