"""The Kubernetes client over the official `kubernetes` package.

That package is synchronous, so requests run in a bounded pool of threads. Only its configuration,
authentication and transport are used: its typed models refuse partial objects, which servers may answer with.
"""

import asyncio
import json
import os
import time
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import urllib3
from kubernetes.client import ApiClient, ApiException, Configuration
from kubernetes.config import ConfigException, load_incluster_config, load_kube_config

from modelrollout import ports
from modelrollout.kube.retry import RETRIABLE_STATUSES, RetryPolicy
from modelrollout.ports import FIELD_MANAGER, Manifest, ResourceKind, describe, kind_of

_PAGE_SIZE = 500


def load_configuration(context: str | None = None) -> Configuration:
    """Where the API server is and how to log in.

    That of the pod we run in, unless KUBECONFIG or `context` says otherwise; outside of a pod the kubeconfig.
    Raises kubernetes.config.ConfigException if there is none or it is broken.
    """
    configuration = Configuration()
    in_pod = "KUBERNETES_SERVICE_HOST" in os.environ
    if in_pod and "KUBECONFIG" not in os.environ and context is None:
        load_incluster_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
    else:
        load_kube_config(client_configuration=configuration, context=context)  # type: ignore[no-untyped-call]
    return configuration


@dataclass(frozen=True, slots=True)
class _Request:
    what: str
    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    body: Manifest | None = None
    content_type: str = "application/json"


@dataclass(frozen=True, slots=True)
class _Answer:
    """Status 0 means that there was none: the connection failed or timed out."""

    request: _Request
    status: int
    text: str
    retry_after: float | None = None

    @property
    def is_transient(self) -> bool:
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
            case 422 if "metadata.uid" in _refused_fields(status):
                return ports.Conflict
            case _ if self._is_schema_error or (400 <= self.status < 500 and not self.is_transient):
                return ports.Invalid
            case _:
                return ports.Unavailable


class OfficialKubeClient:
    """A `KubeClient`. Close it after use; it is an asynchronous context manager too.

    configuration: where to connect; it belongs to the client from then on. threads: requests in flight at a time;
    more wait their turn. timeout: seconds to connect, and seconds between two reads of one answer. sleep is a
    parameter for tests.
    """

    def __init__(
        self,
        configuration: Configuration,
        *,
        threads: int = 16,
        timeout: tuple[float, float] = (5.0, 20.0),
        retry: RetryPolicy | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        configuration.connection_pool_maxsize = threads
        # Retries of the transport would hold a thread while they wait, and multiply with ours.
        configuration.retries = False
        self._api = ApiClient(configuration)
        self._api.user_agent = f"{FIELD_MANAGER}/{version('modelrollout')}"
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="kube")
        self._timeout = timeout
        self._retry = retry or RetryPolicy()
        self._sleep = sleep

    async def __aenter__(self) -> "OfficialKubeClient":
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Drop the connections. Requests that have not started yet are cancelled."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._api.close()  # type: ignore[no-untyped-call]

    async def get(self, kind: ResourceKind, namespace: str, name: str) -> Manifest | None:
        request = _Request(f"get {kind.kind} {namespace}/{name}", "GET", kind.path(namespace, name))
        answer = await self._send(request)
        return None if answer.status == 404 else answer.json()

    async def list(
        self, kind: ResourceKind, namespace: str | None, labels: Mapping[str, str] | None = None
    ) -> list[Manifest]:
        what = f"list {kind.plural}" + (f" in {namespace}" if namespace is not None else "")
        selector = ",".join(f"{key}={value}" for key, value in (labels or {}).items())
        query = (("limit", str(_PAGE_SIZE)), ("labelSelector", selector))
        items: list[Manifest] = []
        position = ""
        while True:
            path = kind.collection_path(namespace)
            answer = await self._send(_Request(what, "GET", path, (*query, ("continue", position))))
            if answer.status == 410 and position:
                # The snapshot that the pages are cut from has expired: start over with a fresh one.
                items, position = [], ""
                continue
            page = answer.json()
            # Items of a list come without apiVersion and kind.
            items += [{**item, "apiVersion": kind.api_version, "kind": kind.kind} for item in page["items"]]
            position = page["metadata"].get("continue", "")
            if not position:
                return items

    async def create(self, manifest: Manifest) -> Manifest:
        path = kind_of(manifest).collection_path(manifest["metadata"]["namespace"])
        query = (("fieldManager", FIELD_MANAGER),)
        answer = await self._send(_Request(f"create {describe(manifest)}", "POST", path, query, manifest))
        return answer.json()

    async def apply(self, manifest: Manifest, *, force: bool = True) -> Manifest:
        return await self._apply(manifest, "", force)

    async def apply_status(self, manifest: Manifest) -> Manifest:
        return await self._apply(manifest, "/status", force=True)

    async def _apply(self, manifest: Manifest, subresource: str, force: bool) -> Manifest:
        metadata = manifest["metadata"]
        request = _Request(
            f"apply {describe(manifest)}",
            "PATCH",
            kind_of(manifest).path(metadata["namespace"], metadata["name"]) + subresource,
            (("fieldManager", FIELD_MANAGER), ("force", "true" if force else "false")),
            manifest,
            "application/apply-patch+yaml",
        )
        return (await self._send(request)).json()

    async def delete(self, kind: ResourceKind, namespace: str, name: str, uid: str) -> None:
        options = {"preconditions": {"uid": uid}, "propagationPolicy": "Background"}
        path = kind.path(namespace, name)
        answer = await self._send(_Request(f"delete {kind.kind} {namespace}/{name}", "DELETE", path, body=options))
        if answer.status == 404:
            return
        if answer.status == 409:
            current = await self.get(kind, namespace, name)
            if current is None or current["metadata"]["uid"] != uid:
                return
        answer.json()

    async def _send(self, request: _Request) -> _Answer:
        """The server's answer, whatever it is. Raises Unavailable if there was no usable one."""
        loop = asyncio.get_running_loop()
        started = time.monotonic()
        attempt = 0
        while True:
            answer = await loop.run_in_executor(self._threads, self._send_once, request)
            if not answer.is_transient:
                return answer
            delay = self._retry.delay(attempt, time.monotonic() - started, answer.retry_after)
            if delay is None:
                raise answer.error()
            await self._sleep(delay)
            attempt += 1

    def _send_once(self, request: _Request) -> _Answer:
        try:
            serialized = self._api.param_serialize(
                request.method,
                request.path,
                query_params=[(key, value) for key, value in request.query if value],
                header_params={"Accept": "application/json", "Content-Type": request.content_type},
                body=request.body,
                auth_settings=["BearerToken"],
            )
            response = self._api.call_api(*serialized, _request_timeout=self._timeout)
            text = response.read().decode(errors="replace")  # type: ignore[no-untyped-call]
            retry_after = response.getheader("Retry-After")  # type: ignore[no-untyped-call]
        except (urllib3.exceptions.HTTPError, ApiException, ConfigException, OSError) as error:
            # The last two: a token that expired could not be replaced.
            return _Answer(request, 0, str(error))
        return _Answer(request, response.status, text, _seconds(retry_after))


def _parsed(text: str) -> Manifest | None:
    try:
        parsed: Any = json.loads(text)
    except ValueError:
        return None
    return parsed if isinstance(parsed, dict) else None


def _refused_fields(status: Manifest | None) -> set[str]:
    causes = (status or {}).get("details", {}).get("causes", ())
    return {cause.get("field", "") for cause in causes}


def _seconds(header: str | None) -> float | None:
    # The header may hold a date as well; API servers send seconds.
    return float(header) if header and header.isdigit() else None
