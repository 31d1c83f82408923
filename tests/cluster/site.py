"""A ModelRollout on a real API server and an operator that looks when it is told to."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.cluster.gateways import accept

from modelrollout.api.gates import Gate
from modelrollout.kube.access import connect
from modelrollout.kube.apply import Applier
from modelrollout.kube.events import EventRecorder
from modelrollout.kube.official import OfficialKubeClient
from modelrollout.kube.snapshots import Snapshots
from modelrollout.metrics.source import Arms
from modelrollout.ports import (
    CONFIG_MAP,
    CONTROLLER_REVISION,
    DEPLOYMENT,
    HTTP_ROUTE,
    MODEL_ROLLOUT,
    SECRET,
    Manifest,
    ResourceKind,
)
from modelrollout.rollout.measurements import Measurement
from modelrollout.runtime.queue import Key
from modelrollout.runtime.reconcile import Reconciler
from modelrollout.runtime.settings import OperatorSettings
from modelrollout.runtime.telemetry import Telemetry
from modelrollout.traffic.registry import all_routers

SERVING = {
    "env": [{"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "value"}}}],
    "podTemplate": {
        "spec": {
            "volumes": [{"name": "limits", "configMap": {"name": "limits"}}],
            "containers": [{"name": "model", "volumeMounts": [{"name": "limits", "mountPath": "/limits"}]}],
        }
    },
}


class NoMetrics:
    async def measure(
        self, gates: Sequence[Gate], arms: Arms, *, after: int | None, now: float
    ) -> Mapping[str, Measurement]:
        return {}


class Writes(OfficialKubeClient):
    """Notes the objects that are written, the status and Events left aside."""

    written: list[str]

    async def apply(self, manifest: Manifest, *, force: bool = True) -> Manifest:
        self.written.append(manifest["kind"])
        return await super().apply(manifest, force=force)


class Site:
    """A ModelRollout in a namespace of its own, and an operator that looks when it is told to."""

    def __init__(self, client: Writes, namespace: str) -> None:
        self.client, self.namespace = client, namespace
        self.later = 0.0
        self.reconciler = Reconciler(
            client=client,
            applier=Applier(client),
            snapshots=Snapshots(client),
            recorder=EventRecorder(client),
            routers=all_routers(),
            metrics=NoMetrics(),
            telemetry=Telemetry(),
            settings=OperatorSettings(prometheus_url="http://unused"),
            now=lambda: datetime.fromtimestamp(datetime.now(UTC).timestamp() + self.later, UTC),
        )

    async def look(self) -> list[str]:
        """Have the operator look once. Returns what it wrote."""
        self.client.written = []
        await self.reconciler.reconcile(Key(self.namespace, "churn"))
        return self.client.written

    async def put(self, kind: ResourceKind, name: str, **fields: Any) -> None:
        metadata = {"namespace": self.namespace, "name": name}
        await self.client.create({"apiVersion": kind.api_version, "kind": kind.kind, "metadata": metadata, **fields})

    async def rollout(self) -> Manifest:
        found = await self.client.get(MODEL_ROLLOUT, self.namespace, "churn")
        assert found
        return found

    async def serves(self) -> None:
        """Say that the first version serves, as it would with a kubelet and a gateway."""
        route = await self.client.get(HTTP_ROUTE, self.namespace, "churn")
        assert route
        await accept(self.client, route)
        found = await self.rollout()
        status = {**found["status"], "servingSince": "2026-11-24T12:00:00Z"}
        metadata = {key: found["metadata"][key] for key in ("namespace", "name", "uid")}
        head = {"apiVersion": MODEL_ROLLOUT.api_version, "kind": MODEL_ROLLOUT.kind}
        await self.client.apply_status({**head, "metadata": metadata, "status": status})

    async def templates(self) -> dict[str, Any]:
        found = await self.client.list(DEPLOYMENT, self.namespace)
        return {item["metadata"]["name"]: item["spec"]["template"] for item in found}

    async def revisions(self) -> list[Manifest]:
        found = await self.client.list(CONTROLLER_REVISION, self.namespace)
        return [item for item in found if item["metadata"].get("ownerReferences")]


@asynccontextmanager
async def serving_site(kubeconfig: Path, namespace: str) -> AsyncIterator[Site]:
    """A first version that serves, configured by a ConfigMap and a Secret."""
    async with Writes(await connect(str(kubeconfig))) as client:
        site = Site(client, namespace)
        await site.put(CONFIG_MAP, "limits", data={"value": "first"})
        await site.put(SECRET, "keys", stringData={"value": "hunter2"})
        spec = {
            "model": {"bento": "churn:v1", "image": "registry.example/churn:v1"},
            "serving": SERVING,
            "traffic": {"gatewayAPI": {"parentRefs": [{"name": "models"}]}},
            "gates": [{"name": "errors", "errorRate": {"maxIncrease": "1%"}}],
        }
        await site.put(MODEL_ROLLOUT, "churn", spec=spec)
        await site.look()
        await site.serves()
        await site.look()
        yield site
