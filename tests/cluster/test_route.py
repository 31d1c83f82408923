"""Edits of a route, and of a ModelRollout that is made again, on a real API server with the CRD of HTTPRoute."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.cluster.gateways import accept

from modelrollout.api.spec import ModelRolloutSpec
from modelrollout.api.status import Status, Version
from modelrollout.kube.access import connect
from modelrollout.kube.apply import Applier
from modelrollout.kube.manifests import CHILD_KINDS
from modelrollout.kube.official import OfficialKubeClient
from modelrollout.kube.ownership import Owner
from modelrollout.kube.revisions import Revision
from modelrollout.kube.snapshots import Snapshot, Snapshots
from modelrollout.kube.world import read_world
from modelrollout.ports import CONTROLLER_REVISION, DEPLOYMENT, HTTP_ROUTE, MODEL_ROLLOUT, Invalid, Manifest
from modelrollout.rollout.plan import DesiredVersion, Placement
from modelrollout.runtime.placing import Placer
from modelrollout.traffic.gateway_api import GatewayAPIRouter
from modelrollout_localcluster import Cluster

pytestmark = pytest.mark.usefixtures("gateway_api")

ROUTER = GatewayAPIRouter()
CHAMPION, CHALLENGER = (Version(bento=f"churn:{tag}", image=f"churn:{tag}", hash=tag * 5) for tag in ("v1", "v2"))


@pytest.fixture
async def client(control_plane: Cluster) -> AsyncIterator[OfficialKubeClient]:
    async with OfficialKubeClient(await connect(str(control_plane.kubeconfig))) as client:
        yield client


def rollout(namespace: str) -> Manifest:
    return {
        "apiVersion": MODEL_ROLLOUT.api_version,
        "kind": MODEL_ROLLOUT.kind,
        "metadata": {"namespace": namespace, "name": "churn"},
        "spec": {
            "model": {"bento": "churn:v1", "image": "churn:v1"},
            "traffic": {"gatewayAPI": {"parentRefs": [{"name": "models"}]}},
            "gates": [{"name": "errors", "errorRate": {"maxIncrease": "1%"}}],
        },
    }


@pytest.fixture
async def owner(client: OfficialKubeClient, namespace: str) -> Owner:
    return Owner.of(await client.create(rollout(namespace)))


async def place(client: OfficialKubeClient, owner: Owner, challenger: int, **gateway: Any) -> list[Exception]:
    """Place both versions with these weights on the route that a spec asks for, as a look does."""
    traffic = {"gatewayAPI": {"parentRefs": [{"name": "models"}], **gateway}}
    spec = ModelRolloutSpec.model_validate({**rollout(owner.namespace)["spec"], "traffic": traffic})
    world = await read_world(client, owner, by_label=CHILD_KINDS, by_name=(HTTP_ROUTE,))
    versions = tuple(DesiredVersion(version, 1) for version in (CHAMPION, CHALLENGER))
    weights = {CHAMPION.hash: 100 - challenger, CHALLENGER.hash: challenger}
    revisions = {version.hash: Revision.of(version, spec.serving, {}, {}) for version in (CHAMPION, CHALLENGER)}
    return await Placer(Applier(client), owner, spec, ROUTER, world, revisions).place(Placement(versions, weights))


async def route(client: OfficialKubeClient, owner: Owner) -> Manifest:
    found = await client.get(HTTP_ROUTE, owner.namespace, owner.name)
    assert found is not None
    return found


def weights(found: Manifest) -> list[int]:
    [rule] = found["spec"]["rules"]
    return [reference["weight"] for reference in rule["backendRefs"]]


MODELS = {"name": "models"}
HTTPS, HTTP = ({"name": "models", "sectionName": name} for name in ("https", "http"))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param([MODELS], [HTTPS], id="a gateway to its listener"),
        pytest.param([HTTPS], [MODELS], id="a listener to its gateway"),
        pytest.param([HTTPS, HTTP], [MODELS], id="two listeners to their gateway"),
        pytest.param([HTTPS], [HTTP], id="a listener to another"),
        pytest.param([MODELS], [{"name": "edge"}], id="a gateway to another"),
        pytest.param([MODELS, {"name": "edge"}], [HTTPS], id="two gateways to a listener of one"),
    ],
)
async def test_a_route_moves_to_where_the_spec_says(
    client: OfficialKubeClient, owner: Owner, before: list[Manifest], after: list[Manifest]
) -> None:
    await place(client, owner, 10, parentRefs=before)
    await accept(client, await route(client, owner))

    assert await place(client, owner, 0, parentRefs=after) == []

    moved = await route(client, owner)
    names = [(each["name"], each.get("sectionName")) for each in moved["spec"]["parentRefs"]]
    assert all((each["name"], each.get("sectionName")) in names for each in after)
    assert weights(moved) == [100, 0]


async def test_an_edit_that_the_api_server_refuses_does_not_hold_weights_up(
    client: OfficialKubeClient, owner: Owner
) -> None:
    await place(client, owner, 10, hostnames=["churn.example"])

    # A ModelRollout with such a path is refused, but it may be older than that rule.
    [refusal] = await place(client, owner, 0, pathPrefix="/churn%2fa")

    assert isinstance(refusal, Invalid)
    assert "%2f" in str(refusal)
    kept = await route(client, owner)
    assert weights(kept) == [100, 0]
    assert kept["spec"]["hostnames"] == ["churn.example"]
    assert len(kept["spec"]["parentRefs"]) == 1


async def test_a_rollout_that_is_made_again_takes_over_what_was_orphaned_and_knows_what_it_was(
    client: OfficialKubeClient, owner: Owner
) -> None:
    await place(client, owner, 10)
    status = Status(champion=CHAMPION, challenger=CHALLENGER, serving_since="2026-11-24T12:00:00Z")
    await Snapshots(client).keep(owner, Snapshot.of(rollout(owner.namespace)["spec"], status))
    before = await orphaned(client, owner)
    await client.delete(MODEL_ROLLOUT, owner.namespace, owner.name, owner.uid)
    successor = Owner.of(await client.create(rollout(owner.namespace)))

    assert await place(client, successor, 10) == []

    after = await client.list(DEPLOYMENT, owner.namespace, owner.selector)
    assert {item["metadata"]["uid"] for item in after} == {item["metadata"]["uid"] for item in before}
    assert all(successor.owns(item) for item in [*after, await route(client, successor)])
    snapshot = await Snapshots(client).read(owner.namespace, owner.name)
    assert snapshot is not None
    assert [(found.version.bento, found.role) for found in snapshot.found] == [
        ("churn:v1", "Champion"),
        ("churn:v2", "Challenger"),
    ]


async def orphaned(client: OfficialKubeClient, owner: Owner) -> list[Manifest]:
    """Take the owner references away, as the garbage collector does for `kubectl delete --cascade=orphan`."""
    world = await read_world(client, owner, by_label=CHILD_KINDS, by_name=(HTTP_ROUTE,))
    for item in world.objects.values():
        metadata = {key: item["metadata"][key] for key in ("namespace", "name", "labels")}
        await client.apply({**{key: item[key] for key in ("apiVersion", "kind", "spec")}, "metadata": metadata})
    return world.of(DEPLOYMENT)


async def test_a_snapshot_takes_the_place_of_the_one_before(client: OfficialKubeClient, owner: Owner) -> None:
    for model in ("v1", "v2"):
        await Snapshots(client).keep(owner, Snapshot.of({"model": model}, Status()))

    [kept] = await client.list(CONTROLLER_REVISION, owner.namespace, owner.selector)
    assert (kept["data"], kept["revision"]) == ({"spec": {"model": "v2"}}, 2)
