"""One attempt at a request to the API server: how it is sent, what may come back, and who may send it at all."""

import asyncio
import json
import os
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, Protocol
from urllib.parse import urlencode

from aiohttp import ClientConnectorError, ClientError, ClientSSLError, ClientTimeout
from kubernetes.aio.client import ApiClient, Configuration
from kubernetes.aio.config import ConfigException

from modelrollout import ports
from modelrollout.kube.retry import RETRIABLE_STATUSES
from modelrollout.ports import FIELD_MANAGER, Manifest

CONNECT_SECONDS = 5.0

APPLY = "application/apply-patch+yaml"

# What YAML takes for a line break, or does not take at all, unless it is escaped. JSON may hold it as it is.
_NOT_AS_IT_IS = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff]")

_USER_AGENT = f"{FIELD_MANAGER}/{version('modelrollout')}"


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked of the API server. what: how messages name it, e.g. `get Deployment ml/churn`."""

    what: str
    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    body: Manifest | None = None
    content_type: str = "application/json"

    @property
    def writes(self) -> bool:
        """Whether it may change something."""
        return self.method != "GET"


@dataclass(frozen=True, slots=True)
class Answer:
    """Status 0 means that there was none: the connection failed or timed out."""

    request: Request
    status: int
    text: str
    retry_after: float | None = None

    @property
    def is_transient(self) -> bool:
        """Whether the same request may do better in a moment."""
        return self.status == 0 or (self.status in RETRIABLE_STATUSES and not self._is_schema_error)

    @property
    def _is_schema_error(self) -> bool:
        # Server-side apply answers a field that it does not know as an internal error.
        return self.status == 500 and "failed to create typed patch object" in self.text

    def json(self) -> Manifest:
        """The object in the answer. Raises the error that fits the status if that is no success."""
        if not 200 <= self.status < 300:
            raise self.error()
        parsed = _parsed(self.text)
        if parsed is None:
            raise ports.Unavailable(f"{self.request.what}: the answer is no JSON object")
        return parsed

    def error(self) -> ports.KubeError:
        """The error that the status stands for, with the reason that the server gives."""
        # A Status object says why; proxies and paths that are unknown to the server answer in plain text.
        status = _parsed(self.text)
        if status is None and self.status == 404:
            message = "the API server does not know this kind: are its CRDs installed?"
        else:
            message = str(status.get("message", "")) if status else self.text.strip()
        return self._error_type(status)(f"{self.request.what}: {message or f'HTTP status {self.status}'}")

    def _error_type(self, status: Manifest | None) -> type[ports.KubeError]:
        match self.status:
            case 401 | 403:
                return ports.Forbidden
            case 404:
                return ports.NotFound
            case 409:
                return ports.Conflict
            case 408 | 410:
                return ports.Unavailable
            case 422 if "metadata.uid" in _refused_fields(status):
                return ports.Conflict
            case _ if self._is_schema_error or (400 <= self.status < 500 and not self.is_transient):
                return ports.Invalid
            case _:
                return ports.Unavailable


def as_yaml(body: Manifest | None) -> bytes:
    """An object as JSON that is YAML too, which an apply has to be.

    JSON's escape for a character beyond the basic plane is a pair; YAML has no pairs and refuses the whole object.
    """
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    return _NOT_AS_IT_IS.sub(lambda found: f"\\u{ord(found.group()):04x}", text).encode()


class Transport(Protocol):
    """Sends a request once. Everything that goes to the API server goes through here, each retry again."""

    async def send(self, request: Request, timeout: float) -> Answer:
        """The server's answer, whatever it is; status 0 if there is none within `timeout` seconds."""

    async def renew(self) -> bool:
        """Get the credentials anew, for a server that no longer takes them. False if there are no other ones."""

    async def close(self) -> None:
        """Drop the connections."""


class OfficialTransport:
    """The transport of the official `kubernetes` package, for one event loop.

    Only its configuration, authentication and connections are used: its typed models refuse partial objects, which
    servers may answer with. renew: brings new credentials into the configuration and says whether it has.
    """

    def __init__(self, configuration: Configuration, renew: Callable[[], Awaitable[bool]] | None = None) -> None:
        # Attempts are counted, paced and fenced by whoever calls.
        configuration.retries = None
        self._api = ApiClient(configuration)
        self._host = configuration.host
        self._renew = renew

    async def send(self, request: Request, timeout: float) -> Answer:
        applies = request.content_type == APPLY
        limits = ClientTimeout(total=timeout, sock_connect=min(timeout, CONNECT_SECONDS))
        try:
            response = await self._api.rest_client.request(  # type: ignore[no-untyped-call]
                request.method,
                self._url(request),
                headers=await self._headers(request),
                body=as_yaml(request.body) if applies else request.body,
                _request_timeout=limits,
            )
            text = (await response.read()).decode(errors="replace")
        except (ClientError, ConfigException, OSError, ValueError) as error:
            return Answer(request, 0, f"no answer from {self._host}: {_reason(error, timeout)}")
        return Answer(request, response.status, text, _seconds(response.getheader("Retry-After")))

    async def renew(self) -> bool:
        return self._renew is not None and await self._renew()

    async def close(self) -> None:
        await self._api.close()  # type: ignore[no-untyped-call]

    def _url(self, request: Request) -> str:
        query = urlencode([(key, value) for key, value in request.query if value])
        return f"{self._host}{request.path}" + (f"?{query}" if query else "")

    async def _headers(self, request: Request) -> dict[str, str]:
        headers = {
            "Accept": "application/json",
            # Else the package encodes the body once more, as JSON that is not always YAML.
            "Content-Type": f"{APPLY}; charset=utf-8" if request.content_type == APPLY else request.content_type,
            "User-Agent": _USER_AGENT,
        }
        # Reads the token of a pod anew when it is a minute old.
        await self._api.update_params_for_auth(headers, [], ["BearerToken"], request.path, request.method, None)
        return headers


class FencedTransport:
    """Lets requests that write pass only while this process may write, and ends each attempt before that does.

    remaining: seconds for which this process may still write, 0 if it may not.
    """

    def __init__(self, transport: Transport, remaining: Callable[[], float]) -> None:
        self._transport = transport
        self._remaining = remaining

    async def send(self, request: Request, timeout: float) -> Answer:
        """As any transport. Raises Unavailable for a write that this process may not do."""
        if not request.writes:
            return await self._transport.send(request, timeout)
        remaining = self._remaining()
        if remaining <= 0:
            raise ports.Unavailable(f"{request.what}: this replica is not the leader (any more)")
        return await self._transport.send(request, min(timeout, remaining))

    async def renew(self) -> bool:
        return await self._transport.renew()

    async def close(self) -> None:
        await self._transport.close()


def _reason(error: Exception, timeout: float) -> str:
    match error:
        case ClientConnectorError(os_error=OSError(errno=int(number))) if number > 0 and not isinstance(
            error, ClientSSLError
        ):
            return os.strerror(number)
        case asyncio.TimeoutError():
            return f"nothing within {timeout:.3g} s"
        case ValueError() if not isinstance(error, ClientError):
            # The text of the error may quote the header, which is the token.
            return "the credentials cannot be sent in a header"
        case _:
            return str(error) or type(error).__name__


def _parsed(text: str) -> Manifest | None:
    try:
        parsed: Any = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return parsed if isinstance(parsed, dict) else None


def _refused_fields(status: Manifest | None) -> set[str]:
    causes = ((status or {}).get("details") or {}).get("causes") or ()
    return {cause.get("field", "") for cause in causes}


def _seconds(header: str | None) -> float | None:
    # The header may hold a date as well; API servers send seconds.
    return float(header) if header and header.isdigit() else None
