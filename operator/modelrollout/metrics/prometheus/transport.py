"""HTTP to Prometheus: answers come as a stream that may be cut off, by size and by time."""

import socket
from collections.abc import Callable
from contextlib import ExitStack
from io import BytesIO
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError, ReadTimeoutError
from urllib3.response import HTTPResponse
from urllib3.util.retry import Retry

from modelrollout.metrics.prometheus.budget import Budget, current_budget

_CHUNK = 64 * 1024


class AnswerTooLong(Exception):
    """An answer was cut off since it has more bytes than it may have."""


class BoundedSession(requests.Session):
    """Answers have at most `most_bytes`, and take no longer than the budget that they are asked for within.

    It neither reads the environment (proxies, .netrc) nor follows redirects, which would take credentials elsewhere.
    """

    def __init__(self, most_bytes: int, check: Callable[[requests.Response], None]) -> None:
        """check: called with every answer once it has been read; what it raises is raised by the request."""
        super().__init__()
        self.trust_env = False
        # What is compressed may be of any size once it is not.
        self.headers["Accept-Encoding"] = "identity"
        self._most_bytes = most_bytes
        self._check = check

    def mount_bounded(self, url: str) -> None:
        """Have everything below a URL answered within the bounds."""
        # The next look asks again anyway. Waiting here would only delay the word that the source is down.
        self.mount(url, _BoundedAdapter(max_retries=Retry(total=0, read=False)))

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        """As of every session. Raises AnswerTooLong, BudgetSpent and requests.Timeout if the budget has expired."""
        budget = current_budget()
        options |= {"stream": True, "allow_redirects": False}
        if budget:
            if not budget.seconds_left:
                raise requests.Timeout
            options["timeout"] = min(options.get("timeout") or budget.seconds_left, budget.seconds_left)
        try:
            response = super().send(request, **options)
            response.raw = BytesIO(self._read(response, budget))
        except (requests.RequestException, HTTPError, OSError) as error:
            if isinstance(error, ReadTimeoutError) or (budget and not budget.seconds_left):
                raise requests.Timeout from error
            if isinstance(error, HTTPError):
                raise requests.ConnectionError from error
            raise
        self._check(response)
        return response

    def _read(self, response: requests.Response, budget: Budget | None) -> bytes:
        body = bytearray()
        with response, ExitStack() as stack:
            if budget and (connection := _connection_of(response.raw)):
                stack.enter_context(budget.holding(connection))
            for chunk in response.raw.stream(_CHUNK, decode_content=False):
                body += chunk
                if len(body) > self._most_bytes:
                    raise AnswerTooLong
                if budget:
                    if not budget.seconds_left:
                        raise requests.Timeout
                    budget.spend(len(chunk))
        if budget and not budget.seconds_left:
            # Where the length was not announced, the end of the connection looks like that of the answer.
            raise requests.Timeout
        return bytes(body)


class _BudgetedConnection(HTTPConnection):
    """Waits for the head of an answer no longer than the budget lasts."""

    def getresponse(self) -> HTTPResponse:  # type: ignore[override]  # as in urllib3
        budget = current_budget()
        if budget is None or self.sock is None:
            return super().getresponse()
        with budget.holding(self.sock):
            return super().getresponse()


class _BudgetedTLSConnection(_BudgetedConnection, HTTPSConnection):
    """The same over TLS."""


class _Pool(HTTPConnectionPool):
    ConnectionCls = _BudgetedConnection


class _TLSPool(HTTPSConnectionPool):
    ConnectionCls = _BudgetedTLSConnection


class _BoundedAdapter(HTTPAdapter):
    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        super().init_poolmanager(*arguments, **options)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _TLSPool}


def _connection_of(raw: Any) -> socket.socket | None:
    """The socket that an answer is still read from; None if it has been read already."""
    return getattr(getattr(raw, "connection", None), "sock", None)
