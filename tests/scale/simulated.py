"""A kubelet and a gateway controller that say yes to everything at once."""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import Any

from modelrollout.ports import HTTP_ROUTE, POD, Manifest
from tests.scale.api import Api

_READY = ("Initialized", "Ready", "ContainersReady", "PodScheduled")


class Nodes:
    """Pods are ready as soon as they exist. seen: called with each pod that is there, gone: with each that is not."""

    def __init__(self, api: Api, seen: Callable[[Manifest], None], gone: Callable[[Manifest], None]) -> None:
        self._api = api
        self._seen = seen
        self._gone = gone
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        async for type_, pod in self._api.watch(POD):
            if type_ == "DELETED":
                self._gone(pod)
                continue
            self._seen(pod)
            if pod.get("status", {}).get("phase") != "Running":
                _spawn(self._tasks, self._start(pod))

    async def _start(self, pod: Manifest) -> None:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        status = {
            "phase": "Running",
            "startTime": now,
            "conditions": [{"type": kind, "status": "True", "lastTransitionTime": now} for kind in _READY],
            "containerStatuses": [
                {
                    "name": container["name"],
                    "image": container["image"],
                    "imageID": "sha256:0",
                    "ready": True,
                    "started": True,
                    "restartCount": 0,
                    "state": {"running": {"startedAt": now}},
                }
                for container in pod["spec"]["containers"]
            ],
        }
        metadata = pod["metadata"]
        await self._api.patch(POD.path(metadata["namespace"], metadata["name"]) + "/status", {"status": status})


class Gateway:
    """Accepts every route at once. routed: called with each route that is accepted."""

    def __init__(self, api: Api, routed: Callable[[Manifest], None]) -> None:
        self._api = api
        self._routed = routed
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        async for type_, route in self._api.watch(HTTP_ROUTE):
            if type_ == "DELETED":
                continue
            self._routed(route)
            generation = route["metadata"]["generation"]
            answers = route.get("status", {}).get("parents", ())
            if not any(answer["conditions"][0]["observedGeneration"] == generation for answer in answers):
                _spawn(self._tasks, self._accept(route, generation))

    async def _accept(self, route: Manifest, generation: int) -> None:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        conditions = [
            {
                "type": kind,
                "status": "True",
                "reason": kind,
                "message": "",
                "observedGeneration": generation,
                "lastTransitionTime": now,
            }
            for kind in ("Accepted", "ResolvedRefs")
        ]
        parents = [
            {"parentRef": reference, "controllerName": "example.org/scale", "conditions": conditions}
            for reference in route["spec"]["parentRefs"]
        ]
        metadata = route["metadata"]
        await self._api.patch(
            HTTP_ROUTE.path(metadata["namespace"], metadata["name"]) + "/status", {"status": {"parents": parents}}
        )


def _spawn(tasks: set[asyncio.Task[None]], coroutine: Coroutine[Any, Any, None]) -> None:
    task = asyncio.create_task(coroutine)
    tasks.add(task)
    task.add_done_callback(tasks.discard)
