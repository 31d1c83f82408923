"""The API server as the simulation uses it: watches, patches, and counts of the requests that others make."""

import asyncio
import json
import re
import ssl
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Self

import aiohttp
from kubernetes.aio.client import Configuration

from modelrollout.kube.access import load
from modelrollout.ports import Manifest, ResourceKind

_COUNTED = re.compile(r"^apiserver_request_total\{(.*)\} (\S+)$", re.MULTILINE)
_LABEL = re.compile(r'(\w+)="([^"]*)"')
_LIMIT = 40


class Api:
    """An API server, with all rights."""

    def __init__(self, kubeconfig: Path) -> None:
        self._kubeconfig = kubeconfig
        self._configuration = Configuration()
        self._gate = asyncio.Semaphore(_LIMIT)

    async def __aenter__(self) -> Self:
        await load(self._configuration, str(self._kubeconfig))
        context = ssl.create_default_context(cafile=self._configuration.ssl_ca_cert)
        context.load_cert_chain(self._configuration.cert_file, self._configuration.key_file)
        self._session = aiohttp.ClientSession(
            self._configuration.host, connector=aiohttp.TCPConnector(ssl=context, limit=0), read_bufsize=2**22
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    async def create(self, path: str, manifest: Manifest) -> None:
        await self._send("POST", path, manifest, "application/json")

    async def patch(self, path: str, change: Manifest) -> None:
        """A merge patch. What is gone already needs none."""
        await self._send("PATCH", path, change, "application/merge-patch+json")

    async def apply(self, path: str, manifest: Manifest) -> None:
        await self._send("PATCH", f"{path}?fieldManager=scale&force=true", manifest, "application/apply-patch+yaml")

    async def list(self, kind: ResourceKind) -> list[Manifest]:
        async with self._session.get(kind.collection_path(None)) as answer:
            answer.raise_for_status()
            items: list[Manifest] = (await answer.json())["items"]
            return items

    async def watch(self, kind: ResourceKind) -> AsyncIterator[tuple[str, Manifest]]:
        """Type and object of all events of a kind, those that stand for what is there included."""
        while True:
            async with self._session.get(
                kind.collection_path(None), params={"watch": "true"}, timeout=aiohttp.ClientTimeout(total=None)
            ) as answer:
                if answer.status == 429:
                    # The cache of a kind that was just installed is not filled yet.
                    await asyncio.sleep(0.5)
                    continue
                answer.raise_for_status()
                async for line in answer.content:
                    event = json.loads(line)
                    yield event["type"], event["object"]

    async def requests(self) -> Counter[tuple[str, str, str]]:
        """Requests so far, by verb, resource and subresource."""
        async with self._session.get("/metrics") as answer:
            answer.raise_for_status()
            text = await answer.text()
        counted: Counter[tuple[str, str, str]] = Counter()
        for labels, value in _COUNTED.findall(text):
            label = dict(_LABEL.findall(labels))
            counted[label["verb"], label["resource"], label["subresource"]] += int(float(value))
        return counted

    async def _send(self, method: str, path: str, body: Any, content_type: str) -> None:
        async with (
            self._gate,
            self._session.request(
                method, path, data=json.dumps(body), headers={"Content-Type": content_type}
            ) as answer,
        ):
            if answer.status not in (200, 201, 404, 409):
                raise RuntimeError(f"{method} {path}: {answer.status} {await answer.text()}")
