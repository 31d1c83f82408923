"""The Kubernetes client and what is built on it, against a real API server."""

import asyncio
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from kubernetes.aio.client import Configuration
from kubernetes.client import ApiClient, AppsV1Api, CoreV1Api

from modelrollout.api.identity import version_of
from modelrollout.api.rollout import ModelRollout
from modelrollout.kube.access import connect, load
from modelrollout.kube.apply import Applier
from modelrollout.kube.events import EventRecorder
from modelrollout.kube.manifests import build_deployment, build_service
from modelrollout.kube.official import OfficialKubeClient
from modelrollout.kube.ownership import Owner
from modelrollout.kube.transport import OfficialTransport
from modelrollout.ports import (
    DEPLOYMENT,
    LEASE,
    MODEL_ROLLOUT,
    SERVICE,
    Conflict,
    Forbidden,
    Invalid,
    KubeError,
    Manifest,
    NotFound,
    ResourceKind,
)
from modelrollout.rollout.plan import Event, EventType
from modelrollout_localcluster import Cluster, tool_path

OTHER_UID = "00000000-0000-0000-0000-000000000000"


@pytest.fixture
def kubeconfig(control_plane: Cluster) -> Path:
    return control_plane.kubeconfig


@pytest.fixture
async def client(kubeconfig: Path) -> AsyncIterator[OfficialKubeClient]:
    async with OfficialKubeClient(await connect(str(kubeconfig))) as client:
        yield client


@pytest.fixture
async def rollout(client: OfficialKubeClient, namespace: str) -> Manifest:
    return await client.create(
        {
            "apiVersion": MODEL_ROLLOUT.api_version,
            "kind": MODEL_ROLLOUT.kind,
            "metadata": {"namespace": namespace, "name": "churn"},
            "spec": {
                "model": {"bento": "churn:v1", "image": "registry.example/churn:v1"},
                "serving": {
                    "env": [{"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}],
                    "resources": {"requests": {"cpu": "10m"}, "limits": {"memory": "1Gi"}},
                    "podTemplate": {
                        "metadata": {"labels": {"team": "growth"}},
                        "spec": {
                            "nodeSelector": {"gpu": "a100"},
                            "volumes": [{"name": "weights", "emptyDir": {"sizeLimit": "1Gi"}}],
                            "containers": [
                                {
                                    "name": "model",
                                    "volumeMounts": [{"name": "weights", "mountPath": "/weights"}],
                                    "readinessProbe": {"exec": {"command": ["true"]}},
                                    "livenessProbe": None,
                                }
                            ],
                        },
                    },
                },
                "traffic": {"gatewayAPI": {"parentRefs": [{"name": "models"}]}},
                "gates": [{"name": "errors", "errorRate": {"maxIncrease": "1%"}}],
            },
        }
    )


@pytest.fixture
def owner(rollout: Manifest) -> Owner:
    return Owner.of(rollout)


@pytest.fixture
def deployment(rollout: Manifest, owner: Owner) -> Manifest:
    spec = ModelRollout.model_validate(rollout).spec
    return build_deployment(owner, spec.serving, version_of(spec.model), replicas=1)


@pytest.fixture
def service(rollout: Manifest, owner: Owner) -> Manifest:
    spec = ModelRollout.model_validate(rollout).spec
    return build_service(owner, version_of(spec.model))


class Counting(OfficialKubeClient):
    """Counts the applies that reach the server."""

    applies = 0

    async def apply(self, manifest: Manifest, *, force: bool = True) -> Manifest:
        self.applies += 1
        return await super().apply(manifest, force=force)


def apply_as_someone_else(kube_api: ApiClient, deployment: Manifest, fields: Mapping[str, Any]) -> None:
    """Server-side apply of some fields of a Deployment under another field manager."""
    metadata = {key: deployment["metadata"][key] for key in ("name", "namespace")}
    patch = {"apiVersion": "apps/v1", "kind": "Deployment", **fields}
    patch["metadata"] = {**metadata, **fields.get("metadata", {})}
    AppsV1Api(kube_api).patch_namespaced_deployment_with_http_info(
        metadata["name"],
        metadata["namespace"],
        patch,
        field_manager="someone-else",
        force=True,
        _content_type="application/apply-patch+yaml",
        _preload_content=False,
    )


async def fetch(client: OfficialKubeClient, manifest: Manifest) -> Manifest | None:
    kind = {DEPLOYMENT.kind: DEPLOYMENT, SERVICE.kind: SERVICE}[manifest["kind"]]
    return await client.get(kind, manifest["metadata"]["namespace"], manifest["metadata"]["name"])


async def eventually_gone(client: OfficialKubeClient, manifest: Manifest, seconds: float = 60.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if await fetch(client, manifest) is None:
            return True
        await asyncio.sleep(0.2)
    return False


async def test_fields_that_someone_else_manages_survive_our_applies(
    client: OfficialKubeClient, kube_api: ApiClient, owner: Owner, deployment: Manifest
) -> None:
    applier = Applier(client)
    await applier.apply(owner, deployment, None)
    foreign = {
        "metadata": {"labels": {"cost-centre": "42"}},
        "spec": {"template": {"metadata": {"annotations": {"a": "b"}}}},
    }
    apply_as_someone_else(kube_api, deployment, foreign)

    deployment["spec"]["replicas"] = 2
    live = await applier.apply(owner, deployment, await fetch(client, deployment))

    assert live["spec"]["replicas"] == 2
    assert live["metadata"]["labels"]["cost-centre"] == "42"
    assert live["spec"]["template"]["metadata"]["annotations"]["a"] == "b"


@pytest.mark.parametrize(
    "edit",
    [
        {"spec": {"replicas": 9}},
        {"spec": {"template": {"spec": {"enableServiceLinks": True}}}},
        {"metadata": {"labels": {"modelrollout.io/rollout": "other"}}},
    ],
    ids=["replicas", "template", "label"],
)
async def test_our_fields_come_back_after_someone_elses_edit(
    client: OfficialKubeClient, kube_api: ApiClient, owner: Owner, deployment: Manifest, edit: Manifest
) -> None:
    applier = Applier(client)
    before = await applier.apply(owner, deployment, None)
    apply_as_someone_else(kube_api, deployment, edit)
    edited = await fetch(client, deployment)
    assert edited is not None
    assert (edited["spec"], edited["metadata"]["labels"]) != (before["spec"], before["metadata"]["labels"])

    restored = await applier.apply(owner, deployment, edited)

    assert restored["spec"] == before["spec"]
    assert restored["metadata"]["labels"] == before["metadata"]["labels"]


@pytest.mark.parametrize("made", ["deployment", "service"])
async def test_what_has_not_changed_is_not_written(
    kubeconfig: Path, owner: Owner, request: pytest.FixtureRequest, made: str
) -> None:
    desired: Manifest = request.getfixturevalue(made)
    async with Counting(await connect(str(kubeconfig))) as client:
        applier = Applier(client)
        await applier.apply(owner, desired, None)
        # The Deployment's controller has its say in between.
        observed = await fetch(client, desired)

        await applier.apply(owner, desired, observed)
        assert client.applies == 1

        # A restart has no memory.
        await Applier(client).apply(owner, desired, observed)
        assert client.applies == 1

        after = await fetch(client, desired)
    assert observed is not None
    assert after is not None
    assert after["spec"] == observed["spec"]
    assert after["metadata"].get("generation") == observed["metadata"].get("generation")


async def test_an_apply_of_the_same_leaves_even_the_resource_version(
    client: OfficialKubeClient, service: Manifest
) -> None:
    first = await client.apply(service)
    second = await client.apply(service)

    assert second["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]


async def test_someone_elses_object_of_the_same_name_is_left_alone(
    client: OfficialKubeClient, owner: Owner, deployment: Manifest
) -> None:
    foreign = {**deployment, "metadata": {**deployment["metadata"], "ownerReferences": []}}
    await client.create(foreign)
    before = await fetch(client, deployment)

    name = deployment["metadata"]["name"]
    with pytest.raises(Conflict, match=rf"Deployment .*/{name} exists and is not managed by this ModelRollout"):
        await Applier(client).apply(owner, deployment, None)

    after = await fetch(client, deployment)
    assert before is not None
    assert after is not None
    assert after["metadata"].get("ownerReferences") is None
    assert after["spec"] == before["spec"]


async def test_an_object_made_by_someone_else_at_the_same_moment_is_not_taken_over(
    client: OfficialKubeClient, kube_api: ApiClient, deployment: Manifest
) -> None:
    spec = {**deployment["spec"], "replicas": 7}
    apply_as_someone_else(kube_api, deployment, {"spec": spec})

    with pytest.raises(Conflict, match="someone-else"):
        await client.apply(deployment, force=False)


async def test_an_object_that_was_replaced_meanwhile_is_a_conflict(
    client: OfficialKubeClient, deployment: Manifest
) -> None:
    await client.apply(deployment)
    replaced = {**deployment, "metadata": {**deployment["metadata"], "uid": OTHER_UID}}

    with pytest.raises(Conflict):
        await client.apply(replaced)


async def test_an_object_that_is_gone_is_not_made_again_under_its_uid(
    client: OfficialKubeClient, deployment: Manifest
) -> None:
    gone = {**deployment, "metadata": {**deployment["metadata"], "uid": OTHER_UID}}

    with pytest.raises(Conflict):
        await client.apply(gone)

    assert await fetch(client, deployment) is None


async def test_only_one_of_two_that_read_the_same_lease_gets_it(client: OfficialKubeClient, namespace: str) -> None:
    lease = {
        "apiVersion": LEASE.api_version,
        "kind": LEASE.kind,
        "metadata": {"namespace": namespace, "name": "leader"},
        "spec": {"holderIdentity": "nobody"},
    }
    read = await client.create(lease)
    identity = {**lease["metadata"], "resourceVersion": read["metadata"]["resourceVersion"]}

    await client.apply({**lease, "metadata": identity, "spec": {"holderIdentity": "first"}})
    with pytest.raises(Conflict):
        await client.apply({**lease, "metadata": identity, "spec": {"holderIdentity": "second"}})

    held = await client.get(LEASE, namespace, "leader")
    assert held is not None
    assert held["spec"]["holderIdentity"] == "first"


async def test_delete_spares_another_object_of_the_same_name(client: OfficialKubeClient, deployment: Manifest) -> None:
    live = await client.apply(deployment)
    identity = (DEPLOYMENT, live["metadata"]["namespace"], live["metadata"]["name"])

    await client.delete(*identity, uid=OTHER_UID)
    assert await client.get(*identity) is not None

    await client.delete(*identity, uid=live["metadata"]["uid"])
    assert await client.get(*identity) is None

    await client.delete(*identity, uid=live["metadata"]["uid"])


async def test_pruning_leaves_only_what_is_wanted(
    client: OfficialKubeClient, owner: Owner, deployment: Manifest, service: Manifest
) -> None:
    applier = Applier(client)
    observed = [await applier.apply(owner, manifest, None) for manifest in (deployment, service)]

    await applier.prune(owner, observed, [deployment])

    assert await fetch(client, deployment) is not None
    assert await fetch(client, service) is None


async def test_all_that_was_made_goes_with_its_rollout(
    client: OfficialKubeClient, rollout: Manifest, owner: Owner, deployment: Manifest, service: Manifest
) -> None:
    applier = Applier(client)
    for manifest in (deployment, service):
        await applier.apply(owner, manifest, None)

    await client.delete(MODEL_ROLLOUT, owner.namespace, owner.name, owner.uid)

    assert await eventually_gone(client, deployment)
    assert await eventually_gone(client, service)


async def test_a_status_is_written_without_touching_the_spec(client: OfficialKubeClient, rollout: Manifest) -> None:
    identity = {key: rollout["metadata"][key] for key in ("namespace", "name", "uid", "resourceVersion")}
    head = {"apiVersion": rollout["apiVersion"], "kind": rollout["kind"], "metadata": identity}

    written = await client.apply_status(
        {**head, "spec": {**rollout["spec"], "suspend": True}, "status": {"verdict": "looks good"}}
    )

    assert written["status"]["verdict"] == "looks good"
    assert written["spec"] == rollout["spec"]
    assert written["metadata"]["generation"] == rollout["metadata"]["generation"]


async def test_lists_are_by_label_and_namespace(client: OfficialKubeClient, owner: Owner, deployment: Manifest) -> None:
    live = await client.apply(deployment)
    other = {**deployment, "metadata": {**deployment["metadata"], "name": "other", "labels": {}}}
    await client.apply(other)

    [found] = await client.list(DEPLOYMENT, owner.namespace, owner.selector)
    assert (found["kind"], found["metadata"]["uid"]) == ("Deployment", live["metadata"]["uid"])
    everywhere = await client.list(DEPLOYMENT, None)
    assert {live["metadata"]["uid"]} < {found["metadata"]["uid"] for found in everywhere}


def in_absent_namespace(deployment: Manifest) -> Manifest:
    return {**deployment, "metadata": {**deployment["metadata"], "namespace": "absent"}}


def without_image(deployment: Manifest) -> Manifest:
    return with_pod_spec(deployment, containers=[{"name": "model"}])


def with_unknown_field(deployment: Manifest) -> Manifest:
    return with_pod_spec(deployment, nodeSelectr={})


def with_pod_spec(deployment: Manifest, **fields: Any) -> Manifest:
    template = deployment["spec"]["template"]
    changed = {**template, "spec": {**template["spec"], **fields}}
    return {**deployment, "spec": {**deployment["spec"], "template": changed}}


@pytest.mark.parametrize(
    ("spoil", "error", "message"),
    [
        (in_absent_namespace, NotFound, 'namespaces "absent" not found'),
        (without_image, Invalid, r"spec\.template\.spec\.containers\[0\]\.image: Required value"),
        (with_unknown_field, Invalid, r"\.spec\.template\.spec\.nodeSelectr: field not declared in schema"),
    ],
)
async def test_a_refusal_says_what_is_wrong(
    client: OfficialKubeClient,
    deployment: Manifest,
    spoil: Callable[[Manifest], Manifest],
    error: type[KubeError],
    message: str,
) -> None:
    with pytest.raises(error, match=f"apply Deployment .*: .*{message}"):
        await client.apply(spoil(deployment))


async def test_what_was_there_before_is_not_created(client: OfficialKubeClient, deployment: Manifest) -> None:
    await client.create(deployment)

    with pytest.raises(Conflict, match="already exists"):
        await client.create(deployment)


async def test_a_kind_that_is_not_installed_is_said_to_be(client: OfficialKubeClient, namespace: str) -> None:
    unheard_of = ResourceKind("unheard.of/v1", "Thing", "things")

    assert await client.get(unheard_of, namespace, "x") is None
    with pytest.raises(NotFound, match=r"list things in .*: the API server does not know this kind"):
        await client.list(unheard_of, namespace)


async def test_what_the_service_account_may_not_do_is_forbidden(
    kubeconfig: Path, kube_api: ApiClient, namespace: str, deployment: Manifest
) -> None:
    core = CoreV1Api(kube_api)
    core.create_namespaced_service_account(namespace, {"metadata": {"name": "nobody"}})
    token = core.create_namespaced_service_account_token("nobody", namespace, {"spec": {}}).status.token
    nobody = Configuration()
    await load(nobody, str(kubeconfig))
    nobody.cert_file = None
    nobody.api_key["BearerToken"] = f"Bearer {token}"

    async with OfficialKubeClient(OfficialTransport(nobody)) as client:
        with pytest.raises(Forbidden, match=f"system:serviceaccount:{namespace}:nobody"):
            await client.get(DEPLOYMENT, namespace, "churn")
        with pytest.raises(Forbidden):
            await client.apply(deployment)


async def test_the_pods_meet_the_restricted_pod_security_standard(
    client: OfficialKubeClient, kube_api: ApiClient, namespace: str, deployment: Manifest
) -> None:
    enforce = {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "restricted"}}}
    CoreV1Api(kube_api).patch_namespace(namespace, enforce)
    metadata = {"namespace": namespace, "name": "one-of-them"}

    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": deployment["spec"]["template"]["spec"]}

    assert (await client.create(pod))["metadata"]["uid"]


async def test_the_pod_template_of_the_spec_reaches_the_pods(client: OfficialKubeClient, deployment: Manifest) -> None:
    template = (await client.apply(deployment))["spec"]["template"]

    [container] = template["spec"]["containers"]
    assert template["metadata"]["labels"]["team"] == "growth"
    assert template["spec"]["nodeSelector"] == {"gpu": "a100"}
    assert container["readinessProbe"]["exec"] == {"command": ["true"]}
    assert "livenessProbe" not in container
    assert [mount["mountPath"] for mount in container["volumeMounts"]] == ["/tmp", "/weights"]


async def test_kubectl_describe_shows_repeated_events_as_one(
    client: OfficialKubeClient, kubeconfig: Path, owner: Owner
) -> None:
    recorder = EventRecorder(client)
    for _ in range(2):
        await recorder.record(owner, Event(EventType.WARNING, "RolledBack", "churn:v3 is worse"))

    command = [tool_path("kubectl"), f"--kubeconfig={kubeconfig}", "-n", owner.namespace]
    described = subprocess.run(
        [*command, "describe", "modelrollout", owner.name], check=True, capture_output=True, text=True
    ).stdout

    [event] = [line for line in described.splitlines() if "RolledBack" in line]
    assert event.split()[0] == "Warning"
    assert "(x2 over" in event
    assert "modelrollout" in event
    assert event.endswith("churn:v3 is worse")
