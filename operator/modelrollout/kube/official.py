"""The Kubernetes client: the verbs of `KubeClient` as requests, and when to try them again."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Self

from modelrollout import ports
from modelrollout.kube.retry import RetryPolicy
from modelrollout.kube.transport import APPLY, Answer, Request, Transport
from modelrollout.ports import FIELD_MANAGER, Manifest, ResourceKind, describe, kind_of

PAGE_SIZE = 500
MAX_PAGES = 2000


class OfficialKubeClient:
    """A `KubeClient`. Close it after use; it is an asynchronous context manager too.

    transport: what carries out one attempt; it belongs to the client from then on. timeout: seconds that an attempt may
    take. field_manager: who is to be named as manager of the fields that are written. sleep is a parameter for tests.
    """

    def __init__(
        self,
        transport: Transport,
        *,
        timeout: float = 20.0,
        retry: RetryPolicy | None = None,
        field_manager: str = FIELD_MANAGER,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._transport = transport
        self._timeout = timeout
        self._retry = retry or RetryPolicy()
        self._field_manager = field_manager
        self._sleep = sleep

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Drop the connections."""
        await self._transport.close()

    async def get(self, kind: ResourceKind, namespace: str, name: str) -> Manifest | None:
        request = Request(f"get {kind.kind} {namespace}/{name}", "GET", kind.path(namespace, name))
        answer = await self._send(request)
        return None if answer.status == 404 else answer.json()

    async def list(
        self, kind: ResourceKind, namespace: str | None, labels: Mapping[str, str] | None = None
    ) -> list[Manifest]:
        what = f"list {kind.plural}" + (f" in {namespace}" if namespace is not None else "")
        selector = ",".join(f"{key}={value}" if value else key for key, value in (labels or {}).items())
        request = Request(what, "GET", kind.collection_path(namespace), (("labelSelector", selector),))
        items = await self._pages(request, PAGE_SIZE)
        if items is None:
            # The snapshot that the pages are cut from has expired: a list in one piece cannot expire half way.
            items = await self._pages(request, limit=0)
        if items is None:
            raise ports.Unavailable(f"{what}: the list expires before it is read to its end")
        # Items of a list come without apiVersion and kind.
        return [{**item, "apiVersion": kind.api_version, "kind": kind.kind} for item in items]

    async def _pages(self, request: Request, limit: int) -> Sequence[Manifest] | None:
        """The items of all pages of a list; None if the list expired in between. limit: items a page, 0 for any."""
        items: list[Manifest] = []
        position = ""
        for _ in range(MAX_PAGES):
            paging = (("limit", str(limit or "")), ("continue", position))
            answer = await self._send(replace(request, query=(*request.query, *paging)))
            if answer.status == 410 and position:
                return None
            page, position = _page(answer)
            items += page
            if not position:
                return items
        raise ports.Unavailable(f"{request.what}: the list does not end after {MAX_PAGES} pages")

    async def create(self, manifest: Manifest) -> Manifest:
        path = kind_of(manifest).collection_path(manifest["metadata"]["namespace"])
        query = (("fieldManager", self._field_manager),)
        answer = await self._send(Request(f"create {describe(manifest)}", "POST", path, query, manifest))
        return answer.json()

    async def apply(self, manifest: Manifest, *, force: bool = True) -> Manifest:
        return await self._apply(manifest, "", force)

    async def apply_status(self, manifest: Manifest) -> Manifest:
        return await self._apply(manifest, "/status", force=True)

    async def _apply(self, manifest: Manifest, subresource: str, force: bool) -> Manifest:
        metadata = manifest["metadata"]
        request = Request(
            f"apply {describe(manifest)}",
            "PATCH",
            kind_of(manifest).path(metadata["namespace"], metadata["name"]) + subresource,
            (("fieldManager", self._field_manager), ("force", "true" if force else "false")),
            manifest,
            APPLY,
        )
        return (await self._send(request)).json()

    async def annotate(self, kind: ResourceKind, namespace: str, name: str, annotations: Mapping[str, str]) -> Manifest:
        return await self._merge("annotate", kind, namespace, name, {"metadata": {"annotations": dict(annotations)}})

    async def merge(self, kind: ResourceKind, namespace: str, name: str, changes: Mapping[str, Any]) -> Manifest:
        return await self._merge("edit", kind, namespace, name, changes)

    async def _merge(
        self, verb: str, kind: ResourceKind, namespace: str, name: str, changes: Mapping[str, Any]
    ) -> Manifest:
        request = Request(
            f"{verb} {kind.kind} {namespace}/{name}",
            "PATCH",
            kind.path(namespace, name),
            (("fieldManager", self._field_manager),),
            dict(changes),
            "application/merge-patch+json",
        )
        return (await self._send(request)).json()

    async def delete(self, kind: ResourceKind, namespace: str, name: str, uid: str) -> None:
        options = {"preconditions": {"uid": uid}, "propagationPolicy": "Background"}
        path = kind.path(namespace, name)
        answer = await self._send(Request(f"delete {kind.kind} {namespace}/{name}", "DELETE", path, body=options))
        if answer.status == 404:
            return
        if answer.status == 409:
            current = await self.get(kind, namespace, name)
            if current is None or current["metadata"]["uid"] != uid:
                return
        answer.json()

    async def _send(self, request: Request) -> Answer:
        """The server's answer, whatever it is. Raises Unavailable if there was no usable one."""
        started = time.monotonic()
        attempt, renewed = 0, False
        while True:
            answer = await self._transport.send(request, self._timeout)
            if answer.status == 401 and not renewed:
                renewed = True
                if await self._transport.renew():
                    continue
            if not answer.is_transient:
                return answer
            delay = self._retry.delay(attempt, time.monotonic() - started, answer.retry_after)
            if delay is None:
                raise answer.error()
            await self._sleep(delay)
            attempt += 1


def _page(answer: Answer) -> tuple[Sequence[Manifest], str]:
    """The items of one page of a list, and where the next page begins; empty if there is none."""
    page = answer.json()
    if "items" not in page:
        raise ports.Unavailable(f"{answer.request.what}: the answer is no list")
    return page["items"] or [], (page.get("metadata") or {}).get("continue") or ""
