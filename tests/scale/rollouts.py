"""The ModelRollouts of the measurement, and what is seen of them while it runs."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from modelrollout.ports import MODEL_ROLLOUT, Manifest
from tests.scale.api import Api

NAMESPACES = 10
INTERVAL = 15.0
"""Seconds between two scrapes."""

Key = tuple[str, str]


def namespaces() -> list[str]:
    return [f"team-{index}" for index in range(NAMESPACES)]


def names(count: int) -> list[Key]:
    return [(namespaces()[index % NAMESPACES], f"churn-{index}") for index in range(count)]


def manifest(key: Key, version: str) -> Manifest:
    """A ModelRollout with two gates that stay undecided, and defaults otherwise."""
    namespace, name = key
    # The scheduler need not look at pods that no node is there for.
    pods = {"spec": {"schedulerName": "nobody"}}
    return {
        "apiVersion": MODEL_ROLLOUT.api_version,
        "kind": MODEL_ROLLOUT.kind,
        "metadata": {"namespace": namespace, "name": name},
        "spec": {
            "model": {"bento": f"churn:{version}", "image": f"registry.example/churn:{version}"},
            "serving": {"replicas": 1, "podTemplate": pods},
            "traffic": {"gatewayAPI": {"parentRefs": [{"name": "models"}]}},
            "gates": [
                {"name": "errors", "errorRate": {"maxIncrease": "0.1%"}},
                {"name": "latency", "latency": {"threshold": "250ms", "maxIncrease": "0.1%"}},
            ],
        },
    }


@dataclass(slots=True)
class Seen:
    """The ModelRollouts as their watch shows them.

    writes: changes of a status. lags: seconds from a window's end to the look that counted it, of those that were
    written down.
    """

    rollouts: dict[Key, Manifest] = field(default_factory=dict)
    writes: int = 0
    lags: list[float] = field(default_factory=list)

    async def run(self, api: Api) -> None:
        async for type_, rollout in api.watch(MODEL_ROLLOUT):
            key = rollout["metadata"]["namespace"], rollout["metadata"]["name"]
            if type_ == "DELETED":
                self.rollouts.pop(key, None)
                continue
            earlier = self.rollouts.get(key, {}).get("status")
            self.rollouts[key] = rollout
            status = rollout.get("status")
            if status != earlier:
                self.writes += 1
                self._note(status, earlier or {})

    def _note(self, status: Manifest, earlier: Manifest) -> None:
        new, old = status.get("evidence"), earlier.get("evidence")
        if new and old and new["window"] > old["window"]:
            end = (new["window"] + 1) * INTERVAL
            self.lags.append(datetime.fromisoformat(new["at"]).timestamp() - end)

    def clear(self) -> None:
        self.writes, self.lags = 0, []

    def phases(self) -> Counter[str]:
        return Counter(rollout.get("status", {}).get("phase", "") for rollout in self.rollouts.values())

    def count(self, holds: Callable[[Manifest], bool]) -> int:
        return sum(holds(rollout.get("status", {})) for rollout in self.rollouts.values())

    async def until(self, holds: Callable[[Manifest], bool], count: int, what: str, patience: float) -> None:
        """Wait until something holds of that many ModelRollouts' statuses."""
        deadline, shown = time.monotonic() + patience, 0.0
        while (reached := self.count(holds)) < count:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{reached} of {count} are {what}: {dict(self.phases())}")
            if time.monotonic() - shown > 15:
                shown = time.monotonic()
                print(f"  {reached} of {count} are {what}: {dict(self.phases())}", flush=True)
            await asyncio.sleep(0.5)


def serves(status: Manifest) -> bool:
    return status.get("phase") == "Stable"


def ramps(status: Manifest) -> bool:
    return status.get("phase") == "Ramping" and bool(status.get("evidence"))
