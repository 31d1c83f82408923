"""Whatever else goes wrong in a look at a rollout, traffic is taken away from a bad version, and people are told."""

from collections.abc import Callable
from typing import Any

import pytest
from tests.unit.kube.fake_client import FakeKubeClient
from tests.unit.runtime.test_reconcile import KEY, NOW, V1, V2, Asked, condition, reconciler, rollout, status

from modelrollout.api.identity import workload_name
from modelrollout.api.parsing import parse_rollout
from modelrollout.api.rollout import ModelRollout
from modelrollout.api.status import EvidenceCheckpoint, RetiringVersion, RolloutProgress, Status, Version
from modelrollout.kube.manifests import children
from modelrollout.kube.ownership import Owner
from modelrollout.kube.revisions import Revision, build_revision
from modelrollout.ports import (
    DEPLOYMENT,
    HTTP_ROUTE,
    MODEL_ROLLOUT,
    POD,
    Forbidden,
    Invalid,
    KubeError,
    Manifest,
    Unavailable,
)
from modelrollout.rollout.observation import Backend
from modelrollout.runtime.faults import describe_fault
from modelrollout.traffic.gateway_api import GatewayAPIRouter

OWNER = Owner("ml", "churn", "u1")
RAMPING = RolloutProgress(
    started_at=NOW, ramping_since=NOW, attempt=1, step=0, step_since=NOW, target_weight=10, stage="Ramping", since=NOW
)
BUILDABLE = {"spec": {"priorityClassName": "models"}}


def withdrawn(**spec: Any) -> Manifest:
    """A rollout of v2 beside v1 that somebody has just aborted, while the route still gives 10 % to v2."""
    manifest = rollout(model={"bento": "churn:v2", "image": "churn:v2"}, **spec)
    manifest["metadata"]["annotations"] = {"modelrollout.io/abort": "now"}
    evidence = EvidenceCheckpoint(window=1, at=NOW)
    manifest["status"] = Status(
        champion=V1, challenger=V2, rollout=RAMPING, evidence=evidence, serving_since=NOW
    ).manifest()
    return manifest


def in_cluster(manifest: Manifest) -> list[Manifest]:
    """The rollout, and what was made for it before: both versions with a ready pod, and an accepted route."""
    parsed = parse_rollout({**manifest, "spec": rollout()["spec"]})
    assert isinstance(parsed, ModelRollout)
    serving = parsed.spec.serving
    made = [child for version in (V1, V2) for child in children(OWNER, serving, version, 1)]
    made += [
        build_revision(OWNER, version, Revision.of(version, serving, {}, {}), number)
        for number, version in enumerate((V1, V2), 1)
    ]
    backends = [backend(V1, 90), backend(V2, 10)]
    route = GatewayAPIRouter().build(OWNER, parsed.spec.traffic, backends)
    route["metadata"]["generation"] = 1
    answers = [{"type": kind, "status": "True", "observedGeneration": 1} for kind in ("Accepted", "ResolvedRefs")]
    route["status"] = {"parents": [{"parentRef": {"name": "models"}, "conditions": answers}]}
    objects = [*made, route]
    for number, item in enumerate(objects):
        item["metadata"] |= {"uid": f"made-{number}", "resourceVersion": "1"}
        if item["kind"] == DEPLOYMENT.kind:
            item["metadata"]["generation"] = 1
            item["status"] = {"observedGeneration": 1, "updatedReplicas": 1, "replicas": 1}
    return [manifest, *objects, pod(V1), pod(V2)]


def backend(version: Version, weight: int) -> Backend:
    return Backend(version.hash, version.bento, workload_name("churn", version.hash), 80, weight)


def pod(version: Version) -> Manifest:
    labels = {"modelrollout.io/rollout": "churn", "modelrollout.io/version": version.hash}
    return {
        "apiVersion": "v1",
        "kind": POD.kind,
        "metadata": {"namespace": "ml", "name": f"churn-{version.hash}-1-1", "uid": version.hash, "labels": labels},
        "status": {"conditions": [{"type": "Ready", "status": "True"}]},
    }


def weights(client: FakeKubeClient) -> dict[str, int]:
    return dict(GatewayAPIRouter().observe(client.objects[HTTP_ROUTE, "ml", "churn"], parsed_traffic()).weights)


def parsed_traffic() -> Any:
    parsed = parse_rollout(rollout())
    assert isinstance(parsed, ModelRollout)
    return parsed.spec.traffic


TAKEN_AWAY = {V1.hash: 100, V2.hash: 0}


class Refuses(FakeKubeClient):
    """An API server that refuses every apply of which `refuses` says so."""

    def __init__(self, *objects: Manifest, refuses: Callable[[Manifest], bool], error: KubeError) -> None:
        super().__init__(*objects)
        self._refuses, self._error = refuses, error

    async def apply(self, manifest: Manifest, *, force: bool = True) -> Manifest:
        if self._refuses(manifest):
            raise self._error
        return await super().apply(manifest, force=force)

    async def apply_status(self, manifest: Manifest) -> Manifest:
        if self._refuses(manifest):
            raise self._error
        return await super().apply_status(manifest)


def of_kind(kind: str) -> Callable[[Manifest], bool]:
    return lambda manifest: bool(manifest["kind"] == kind)


@pytest.mark.parametrize("kind", ["Deployment", "Service"])
@pytest.mark.parametrize(
    "error",
    [
        pytest.param(Invalid("quantities must match"), id="422"),
        pytest.param(Forbidden("exceeded quota"), id="quota"),
        pytest.param(Unavailable("webhook timed out"), id="webhook"),
    ],
)
async def test_traffic_is_taken_away_whatever_object_is_refused(kind: str, error: KubeError) -> None:
    client = Refuses(*in_cluster(withdrawn()), refuses=of_kind(kind), error=error)

    await reconciler(client, Asked()).reconcile(KEY)

    assert weights(client) == TAKEN_AWAY


@pytest.mark.parametrize(
    "template",
    [
        pytest.param({"spec": {"containers": [{"name": {"a": 1}}]}}, id="a name that is an object"),
        pytest.param({"spec": {"containers": {"model": {}}}}, id="containers that are no list"),
        pytest.param({"spec": {"volumes": [{"name": ["tmp"]}]}}, id="a volume's name that is a list"),
        pytest.param({"spec": {"containers": [{"name": "model", "env": [{"name": {}}]}]}}, id="a variable's name"),
    ],
)
async def test_traffic_is_taken_away_even_if_pods_cannot_be_built(template: Any) -> None:
    client = FakeKubeClient(*in_cluster(withdrawn(serving={"podTemplate": template})))

    await reconciler(client, Asked()).reconcile(KEY)

    assert weights(client) == TAKEN_AWAY


async def test_traffic_is_taken_away_on_the_last_accepted_route_if_its_edit_is_refused() -> None:
    edited = withdrawn(traffic={"gatewayAPI": {"parentRefs": [{"name": "models"}], "hostnames": ["refused.example"]}})

    def refuses(manifest: Manifest) -> bool:
        return "refused.example" in manifest.get("spec", {}).get("hostnames", ())

    client = Refuses(*in_cluster(edited), refuses=refuses, error=Invalid("HTTPRoute ml/churn: hostnames: no"))
    subject = reconciler(client, Asked())

    for _ in range(2):
        await subject.reconcile(KEY)

    assert weights(client) == TAKEN_AWAY
    assert "hostnames: no" in condition(client, "Stalled")["message"]


@pytest.mark.parametrize("error", [Invalid("status.phase"), Forbidden("a policy"), Unavailable("a webhook timed out")])
async def test_traffic_is_taken_away_even_if_the_status_is_refused(error: KubeError) -> None:
    client = Refuses(*in_cluster(withdrawn()), refuses=of_kind(MODEL_ROLLOUT.kind), error=error)

    with pytest.raises(type(error)):
        await reconciler(client, Asked()).reconcile(KEY)

    assert weights(client) == TAKEN_AWAY
    assert [request for request in client.requests if request.startswith("delete")] == []


async def test_nobody_gets_traffic_of_which_the_status_has_no_record() -> None:
    objects = in_cluster(withdrawn())
    objects[0]["metadata"]["annotations"] = {"modelrollout.io/promote": "now"}
    client = Refuses(*objects, refuses=of_kind(MODEL_ROLLOUT.kind), error=Invalid("status.phase"))

    with pytest.raises(Invalid):
        await reconciler(client, Asked()).reconcile(KEY)

    assert weights(client) == {V1.hash: 90, V2.hash: 10}


async def test_the_route_goes_before_pods_that_are_there() -> None:
    client = FakeKubeClient(*in_cluster(withdrawn(serving={"replicas": 2})))

    await reconciler(client, Asked()).reconcile(KEY)

    writes = [request for request in client.requests if request.startswith(("apply", "delete"))]
    assert writes[:2] == ["apply_status churn", "apply churn"]


async def test_a_decision_that_fails_becomes_a_condition_without_the_words_of_the_exception(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    secret = "hunter2"

    def fails(*_: Any) -> Any:
        raise KeyError(secret)

    monkeypatch.setattr("modelrollout.runtime.deciding.decide", fails)
    client = FakeKubeClient(*in_cluster(withdrawn()))
    subject = reconciler(client, Asked())

    assert await subject.reconcile(KEY) is not None
    client.requests.clear()
    await subject.reconcile(KEY)

    assert condition(client, "Stalled")["reason"] == "InternalError"
    assert "internal error: KeyError in runtime/deciding.py" in condition(client, "Ready")["message"]
    assert secret not in f"{status(client)}{caplog.text}"
    assert weights(client) == {V1.hash: 90, V2.hash: 10}
    assert [request for request in client.requests if not request.startswith(("get", "list"))] == []


async def test_what_was_decided_before_is_carried_out_even_if_the_next_decision_fails(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fails(*_: Any) -> Any:
        raise KeyError

    monkeypatch.setattr("modelrollout.runtime.deciding.decide", fails)
    manifest, *objects = in_cluster(withdrawn())
    retiring = RetiringVersion(**dict(V2), since=NOW)
    manifest["status"] = Status(champion=V1, retiring=(retiring,), serving_since=NOW).manifest()
    client = FakeKubeClient(manifest, *objects)

    await reconciler(client, Asked()).reconcile(KEY)

    assert weights(client) == TAKEN_AWAY


def test_what_the_api_server_says_is_told_in_its_words() -> None:
    assert describe_fault(Forbidden("exceeded quota")) == "exceeded quota"
