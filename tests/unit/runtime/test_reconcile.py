"""One reconcile against a client that remembers the order of what was asked of it."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.unit.kube.fake_client import FakeKubeClient

from modelrollout.api.evidence import EvidenceCheckpoint
from modelrollout.api.gates import Gate
from modelrollout.api.identity import pod_pattern, version_of
from modelrollout.api.model import Model
from modelrollout.api.status import BaselineVersion, RolloutProgress, Status, Watch
from modelrollout.kube.apply import Applier
from modelrollout.kube.events import EventRecorder
from modelrollout.kube.snapshots import Snapshots
from modelrollout.metrics.source import Arms, MetricsSource
from modelrollout.ports import DEPLOYMENT, HTTP_ROUTE, MODEL_ROLLOUT, Forbidden, Invalid, Manifest, ResourceKind
from modelrollout.rollout.measurements import Measurement
from modelrollout.runtime.deciding import FAULT_SECONDS
from modelrollout.runtime.queue import Key
from modelrollout.runtime.reconcile import KEEP_SECONDS, SHOW_SECONDS, Reconciler
from modelrollout.runtime.settings import OperatorSettings
from modelrollout.runtime.telemetry import Telemetry
from modelrollout.traffic.registry import all_routers

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
KEY = Key("ml", "churn")
SECRET = "hunter2"


class NoMetrics:
    async def measure(
        self, gates: Sequence[Gate], arms: Arms, *, after: int | None, now: float
    ) -> Mapping[str, Measurement]:
        raise AssertionError("nothing is judged here")


class RefusesDeployments(FakeKubeClient):
    async def apply(self, manifest: Manifest, *, force: bool = True) -> Manifest:
        if manifest["kind"] == DEPLOYMENT.kind:
            raise Invalid("Deployment ml/churn: spec.template: quantities must match")
        return await super().apply(manifest, force=force)


def rollout(**spec: Any) -> Manifest:
    return {
        "apiVersion": MODEL_ROLLOUT.api_version,
        "kind": MODEL_ROLLOUT.kind,
        "metadata": {"namespace": "ml", "name": "churn", "uid": "u1", "generation": 1, "resourceVersion": "1"},
        "spec": {
            "model": {"bento": "churn:v1", "image": "churn:v1"},
            "traffic": {"gatewayAPI": {"parentRefs": [{"name": "models"}]}},
            "gates": [{"name": "errors", "errorRate": {}}],
            **spec,
        },
    }


class Asked:
    """Metrics of which nothing is known, and the arms that were asked for."""

    arms: Arms | None = None

    async def measure(
        self, gates: Sequence[Gate], arms: Arms, *, after: int | None, now: float
    ) -> Mapping[str, Measurement]:
        self.arms = arms
        return {}


def reconciler(client: FakeKubeClient, metrics: MetricsSource | None = None) -> Reconciler:
    return Reconciler(
        client=client,
        applier=Applier(client),
        snapshots=Snapshots(client),
        recorder=EventRecorder(client, now=lambda: NOW),
        routers=all_routers(),
        metrics=metrics or NoMetrics(),
        telemetry=Telemetry(),
        settings=OperatorSettings(prometheus_url="http://unused"),
        now=lambda: NOW,
    )


def status(client: FakeKubeClient) -> Any:
    return client.objects[MODEL_ROLLOUT, "ml", "churn"].get("status", {})


def condition(client: FakeKubeClient, kind: str) -> Any:
    return next((item for item in status(client)["conditions"] if item["type"] == kind), {})


async def test_what_was_decided_is_written_before_it_is_done_and_pods_come_before_traffic() -> None:
    client = FakeKubeClient(rollout())
    await reconciler(client).reconcile(KEY)
    workload = status(client)["champion"]["hash"]
    writes = [request for request in client.requests if request.startswith(("apply", "delete"))]
    revision = service = deployment = f"apply churn-{workload}"
    assert writes[:5] == [revision, "apply_status churn", service, deployment, "apply churn"]


V1, V2 = (version_of(Model(bento=bento, image=bento)) for bento in ("churn:v1", "churn:v2"))
WATCHED = Watch(since=NOW, until=NOW + timedelta(hours=1), hold_back_percent=5)
BEGUN = RolloutProgress(started_at=NOW, attempt=1, step=0, step_since=NOW, target_weight=10)


@pytest.mark.parametrize(
    "compared",
    [
        pytest.param({"champion": V1, "challenger": V2, "rollout": BEGUN}, id="rollout"),
        pytest.param({"previous": V1, "champion": V2, "watch": WATCHED}, id="watch after promotion"),
    ],
)
async def test_the_source_is_told_the_versions_that_labels_may_name(compared: dict[str, Any]) -> None:
    manifest = rollout(model={"bento": "churn:v2", "image": "churn:v2"})
    manifest["status"] = Status(evidence=EvidenceCheckpoint(window=1, at=NOW), **compared).manifest()
    metrics = Asked()
    await reconciler(FakeKubeClient(manifest), metrics).reconcile(KEY)
    assert metrics.arms is not None
    assert (metrics.arms.champion_version, metrics.arms.challenger_version) == ("v1", "v2")
    assert metrics.arms.other_pods == ""


async def test_beside_a_baseline_the_source_is_told_of_the_champion_s_pods() -> None:
    service = {"bento": "majority:m1", "image": "majority:m1", "weight": 10}
    manifest = rollout(model={"bento": "churn:v2", "image": "churn:v2"}, baseline={"service": service})
    baseline = BaselineVersion(hash="b4se11ne", replicas=1, **service)
    evidence = EvidenceCheckpoint(window=1, at=NOW)
    status = Status(champion=V1, challenger=V2, baseline=baseline, rollout=BEGUN, evidence=evidence)
    manifest["status"] = status.manifest()
    metrics = Asked()
    await reconciler(FakeKubeClient(manifest), metrics).reconcile(KEY)
    assert metrics.arms is not None
    assert (metrics.arms.champion_version, metrics.arms.challenger_version) == ("m1", "v2")
    assert metrics.arms.other_pods == pod_pattern("churn", V1.hash)


async def test_a_reconcile_of_an_unchanged_world_writes_nothing() -> None:
    client = FakeKubeClient(rollout())
    subject = reconciler(client)
    for _ in range(2):
        await subject.reconcile(KEY)
    client.requests.clear()
    await subject.reconcile(KEY)
    assert [request for request in client.requests if not request.startswith(("get", "list"))] == []


async def test_an_invalid_manifest_is_told_in_a_condition_and_touches_nothing() -> None:
    client = FakeKubeClient(rollout())
    subject = reconciler(client)
    await subject.reconcile(KEY)
    client.objects[MODEL_ROLLOUT, "ml", "churn"]["spec"]["strategy"] = {"steps": [{"weight": 150}]}
    client.requests.clear()
    await subject.reconcile(KEY)
    assert [request for request in client.requests if request.startswith(("apply", "delete"))] == ["apply_status churn"]
    assert condition(client, "Stalled")["reason"] == "InvalidSpec"
    assert "spec.strategy.steps[0].weight" in condition(client, "Stalled")["message"]
    assert status(client)["champion"]["bento"] == "churn:v1"


async def test_what_the_api_server_refuses_is_told_in_a_condition_at_the_next_look() -> None:
    client = RefusesDeployments(rollout())
    subject = reconciler(client)
    assert await subject.reconcile(KEY) == SHOW_SECONDS

    await subject.reconcile(KEY)

    assert condition(client, "Stalled")["reason"] == "ApplyFailed"
    assert "quantities must match" in condition(client, "Ready")["message"]


async def test_a_foreign_object_of_the_same_name_is_left_alone() -> None:
    client = FakeKubeClient(rollout())
    subject = reconciler(client)
    foreign: Manifest = {
        "apiVersion": HTTP_ROUTE.api_version,
        "kind": HTTP_ROUTE.kind,
        "metadata": {"namespace": "ml", "name": "churn", "uid": "theirs"},
        "spec": {"hostnames": ["theirs.example"]},
    }
    client.objects[HTTP_ROUTE, "ml", "churn"] = foreign
    for _ in range(2):
        await subject.reconcile(KEY)
    assert "not managed by this ModelRollout" in condition(client, "Stalled")["message"]
    assert client.objects[HTTP_ROUTE, "ml", "churn"]["spec"] == {"hostnames": ["theirs.example"]}


async def test_a_modelrollout_that_is_gone_is_no_error() -> None:
    client = FakeKubeClient()
    assert await reconciler(client).reconcile(KEY) == KEEP_SECONDS
    assert client.requests == ["get churn"]


async def test_what_cannot_be_read_is_told_and_nothing_else_is_written() -> None:
    class Broken(FakeKubeClient):
        async def list(
            self, kind: ResourceKind, namespace: str | None, labels: Mapping[str, str] | None = None
        ) -> list[Manifest]:
            raise Forbidden("pods is forbidden")

    client = Broken(rollout())
    for _ in range(2):
        with pytest.raises(Forbidden):
            await reconciler(client).reconcile(KEY)
    assert condition(client, "Stalled")["reason"] == "Refused"
    assert "pods is forbidden" in condition(client, "Stalled")["message"]
    assert [request for request in client.requests if not request.startswith("get")] == ["apply_status churn"]


async def test_a_manifest_that_breaks_the_operator_is_told_without_the_words_of_the_exception(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fails(_: Manifest) -> Manifest:
        raise RecursionError(SECRET)

    monkeypatch.setattr("modelrollout.runtime.understanding.parse_rollout", fails)
    client = FakeKubeClient(rollout())
    assert await reconciler(client).reconcile(KEY) == FAULT_SECONDS
    assert condition(client, "Stalled")["reason"] == "InternalError"
    assert SECRET not in str(status(client))
