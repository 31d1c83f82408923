"""The request that a prediction is made for, and the middleware that knows it."""

import re
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from contextvars import ContextVar
from itertools import count
from typing import Any
from uuid import uuid4

from modelrollout_contract.headers import ARM_HEADER, REQUEST_ID_HEADER, SHADOW_SUFFIX
from modelrollout_serving.record import Record

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_OWN_ENDPOINTS = ("/livez", "/readyz", "/healthz", "/metrics")

_ID, _ARM, _HOST = REQUEST_ID_HEADER.encode(), ARM_HEADER.encode(), b"host"
_PLAIN_ID = re.compile(rb"[!-~]{1,128}")
_SHADOW_HOST = re.compile(rb".*%b(:\d+)?" % SHADOW_SUFFIX.encode())


class Request:
    """A request, from its arrival to the beginning of its answer. Until then the records made for it wait.

    deliver: takes the records away.
    """

    __slots__ = ("_answered", "_deliver", "_numbers", "_pending", "_started", "arm", "at", "endpoint", "id", "shadow")

    def __init__(
        self, headers: Iterable[tuple[bytes, bytes]], endpoint: str, deliver: Callable[[Record], None]
    ) -> None:
        found = {name: value for name, value in headers if name in (_ID, _ARM, _HOST)}
        given = found.get(_ID, b"")
        self.id = given.decode() if _PLAIN_ID.fullmatch(given) else str(uuid4())
        self.arm = found[_ARM].decode("latin-1")[:32] if _ARM in found else None
        self.shadow = _SHADOW_HOST.fullmatch(found.get(_HOST, b"")) is not None
        self.endpoint = endpoint
        self.at = time.time()
        self._started = time.perf_counter()
        self._answered = False
        self._numbers = count()
        self._pending: deque[Record] = deque()
        self._deliver = deliver

    def next_id(self) -> str:
        """Id of the next prediction of the request: its own, and then with a number, the same in a mirrored copy."""
        number = next(self._numbers)
        return f"{self.id}/{number}" if number else self.id

    def add(self, record: Record) -> None:
        """Deliver a record once the request is answered, or now if it is. From any thread."""
        self._pending.append(record)
        if self._answered:
            self.answer()

    def answer(self) -> None:
        """The answer begins."""
        self._answered = True
        latency = time.perf_counter() - self._started
        while self._pending:
            try:
                record = self._pending.popleft()
            except IndexError:
                return
            record.latency = latency
            self._deliver(record)


CURRENT: ContextVar[Request | None] = ContextVar("modelrollout_serving_request", default=None)
"""The request that is being answered; None outside of one, and in batchable methods, which answer several."""


class RequestMiddleware:
    """ASGI middleware that makes the request known to what answers it, and its id to who asked.

    deliver: takes records away. batched: paths of methods that BentoML calls for several requests at once. started,
    ended: called with the service; `ended` before the process goes.
    """

    def __init__(
        self,
        app: App,
        deliver: Callable[[Record], None],
        batched: frozenset[str],
        started: Callable[[], None],
        ended: Callable[[], None],
    ) -> None:
        self._app = app
        self._deliver = deliver
        self._batched = batched
        self._started = started
        self._ended = ended

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(scope, receive, send)
        elif scope["type"] == "http" and not scope["path"].endswith(_OWN_ENDPOINTS):
            await self._answer(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope["headers"], scope["path"], self._deliver)

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                request.answer()
                _add_header(message, _ID, request.id.encode())
            await send(message)

        token = CURRENT.set(None if scope["path"] in self._batched else request)
        try:
            await self._app(scope, receive, send_with_id)
        finally:
            CURRENT.reset(token)
            request.answer()

    async def _live(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._started()

        async def send_after_end(message: Message) -> None:
            # The process goes as soon as this is sent, by a signal, without the handlers of `atexit`.
            if message["type"].startswith("lifespan.shutdown"):
                self._ended()
            await send(message)

        await self._app(scope, receive, send_after_end)


def _add_header(message: Message, name: bytes, value: bytes) -> None:
    headers = list(message.get("headers", ()))
    if all(known.lower() != name for known, _ in headers):
        message["headers"] = [*headers, (name, value)]
