import copy

import pytest
from tests.unit.kube.fake_client import FakeKubeClient

from modelrollout.kube.apply import REFUSAL_SECONDS, URGENT_SECONDS, Applier
from modelrollout.kube.ownership import Owner
from modelrollout.ports import DEPLOYMENT, SERVICE, Conflict, Invalid, Manifest

OWNER = Owner("ml", "churn", "owner-uid")
PREDECESSOR = Owner("ml", "churn", "uid-of-an-earlier-churn")
STRANGER = Owner("ml", "another", "uid-of-another")


def deployment(replicas: int = 1, owner: Owner = OWNER, name: str = "churn-v1") -> Manifest:
    return {
        "apiVersion": DEPLOYMENT.api_version,
        "kind": DEPLOYMENT.kind,
        "metadata": {**owner.metadata(name), "annotations": {"modelrollout.io/bento": "churn:v1"}},
        "spec": {"replicas": replicas},
    }


def without_owner(manifest: Manifest) -> Manifest:
    metadata = {key: value for key, value in manifest["metadata"].items() if key != "ownerReferences"}
    return {**manifest, "metadata": metadata}


def service(port: int = 3000) -> Manifest:
    return {
        "apiVersion": SERVICE.api_version,
        "kind": SERVICE.kind,
        "metadata": OWNER.metadata("churn-v1"),
        "spec": {"ports": [{"port": port}]},
    }


@pytest.fixture
def client() -> FakeKubeClient:
    return FakeKubeClient()


@pytest.fixture
def applier(client: FakeKubeClient) -> Applier:
    return Applier(client)


@pytest.mark.parametrize("desired", [deployment(), service()], ids=["with generation", "without"])
async def test_an_object_that_is_as_it_was_left_costs_no_request(
    client: FakeKubeClient, applier: Applier, desired: Manifest
) -> None:
    live = await applier.apply(OWNER, desired, None)
    client.requests.clear()

    assert await applier.apply(OWNER, copy.deepcopy(desired), live) == live
    assert client.requests == []


async def test_a_changed_wish_is_applied(client: FakeKubeClient, applier: Applier) -> None:
    live = await applier.apply(OWNER, deployment(replicas=1), None)

    assert (await applier.apply(OWNER, deployment(replicas=2), live))["spec"] == {"replicas": 2}


@pytest.mark.parametrize(
    "foreign_edit",
    [
        {"spec": {"replicas": 7}},
        {"metadata": {"labels": {"modelrollout.io/rollout": "other"}}},
        {"metadata": {"annotations": {"modelrollout.io/bento": "other"}}},
    ],
    ids=["spec", "label", "annotation"],
)
async def test_what_someone_else_changed_is_put_right(
    client: FakeKubeClient, applier: Applier, foreign_edit: Manifest
) -> None:
    left = await applier.apply(OWNER, deployment(), None)
    identity = {"apiVersion": left["apiVersion"], "kind": left["kind"]}
    name = {"namespace": "ml", "name": "churn-v1"}
    edit = {**foreign_edit, **identity, "metadata": {**foreign_edit.get("metadata", {}), **name}}
    edited = await client.apply(edit)

    restored = await applier.apply(OWNER, deployment(), edited)

    assert restored["spec"] == left["spec"]
    assert restored["metadata"]["labels"] == left["metadata"]["labels"]
    assert restored["metadata"]["annotations"] == left["metadata"]["annotations"]


async def test_a_policy_that_rewrites_labels_that_tools_show_is_not_fought_and_hides_nothing(
    client: FakeKubeClient, applier: Applier
) -> None:
    live = await applier.apply(OWNER, deployment(), None)
    live["metadata"]["labels"]["app.kubernetes.io/managed-by"] = "platform"
    client.requests.clear()

    await applier.apply(OWNER, deployment(), live)

    assert client.requests == []
    assert OWNER.selector.items() <= live["metadata"]["labels"].items()


async def test_a_status_that_moves_on_is_no_reason_to_apply(client: FakeKubeClient, applier: Applier) -> None:
    live = await applier.apply(OWNER, deployment(), None)
    live["metadata"]["resourceVersion"] = "999"
    live["status"] = {"readyReplicas": 1}
    client.requests.clear()

    await applier.apply(OWNER, deployment(), live)

    assert client.requests == []


async def test_after_a_restart_an_object_that_is_as_desired_costs_no_request(
    client: FakeKubeClient, applier: Applier
) -> None:
    live = await applier.apply(OWNER, deployment(), None)
    client.requests.clear()

    await Applier(client).apply(OWNER, deployment(), live)

    assert client.requests == []


async def test_what_others_change_on_the_way_to_the_store_is_applied_once(client: FakeKubeClient) -> None:
    class Mutating(FakeKubeClient):
        async def apply(self, manifest: Manifest, *, force: bool = True) -> Manifest:
            return await super().apply({**manifest, "spec": {"replicas": 3}}, force=force)

    client = Mutating()
    applier = Applier(client)
    live = await applier.apply(OWNER, deployment(replicas=1), None)
    client.requests.clear()

    await applier.apply(OWNER, deployment(replicas=1), live)

    assert client.requests == []


async def test_what_was_refused_is_not_asked_for_again_at_once() -> None:
    class Refusing(FakeKubeClient):
        async def apply(self, manifest: Manifest, *, force: bool = True) -> Manifest:
            self.requests.append("apply")
            raise Invalid("quantities must match")

    client, now = Refusing(), 0.0
    applier = Applier(client, clock=lambda: now)
    wishes = [deployment(), deployment(), deployment(replicas=2)]
    for wish in wishes:
        with pytest.raises(Invalid, match="quantities must match"):
            await applier.apply(OWNER, wish, None)
    assert client.requests.count("apply") == 2

    now = REFUSAL_SECONDS
    with pytest.raises(Invalid):
        await applier.apply(OWNER, deployment(replicas=2), None)
    assert client.requests.count("apply") == 3


@pytest.mark.parametrize("urgent", [True, False])
async def test_what_others_undo_on_the_way_to_the_store_is_applied_again_if_it_is_urgent(urgent: bool) -> None:
    class Mutating(FakeKubeClient):
        async def apply(self, manifest: Manifest, *, force: bool = True) -> Manifest:
            return await super().apply({**manifest, "spec": {"replicas": 3}}, force=force)

    client, now = Mutating(), 0.0
    applier = Applier(client, clock=lambda: now)
    live = await applier.apply(OWNER, deployment(), None)
    await applier.apply(OWNER, deployment(), live, urgent=urgent)
    assert client.requests.count("apply churn-v1") == 1

    now = URGENT_SECONDS
    await applier.apply(OWNER, deployment(), live, urgent=urgent)
    assert client.requests.count("apply churn-v1") == 1 + urgent


@pytest.mark.parametrize(
    "left_behind",
    [
        pytest.param(deployment(owner=PREDECESSOR), id="its owner is gone"),
        pytest.param(without_owner(deployment(owner=PREDECESSOR)), id="it was orphaned"),
    ],
)
async def test_what_an_earlier_rollout_of_the_name_left_behind_is_taken_over(
    client: FakeKubeClient, applier: Applier, left_behind: Manifest
) -> None:
    orphan = await client.apply(left_behind)

    taken = await applier.apply(OWNER, deployment(), orphan)

    assert OWNER.owns(taken)
    assert taken["metadata"]["uid"] == orphan["metadata"]["uid"]


async def test_an_object_that_lost_our_labels_is_found_by_its_name(client: FakeKubeClient, applier: Applier) -> None:
    await client.apply(deployment())
    client.requests.clear()

    await applier.apply(OWNER, deployment(replicas=2), None)

    assert client.requests == ["get churn-v1", "apply churn-v1"]


@pytest.mark.parametrize("is_observed", [True, False])
@pytest.mark.parametrize(
    "owner_references",
    [
        [],
        STRANGER.metadata("churn-v1")["ownerReferences"],
        [{**OWNER.metadata("churn-v1")["ownerReferences"][0], "controller": False}],
    ],
    ids=["nobody's", "someone else's", "ours but not as controller"],
)
async def test_an_object_that_is_not_ours_is_left_alone(
    client: FakeKubeClient, applier: Applier, owner_references: list[Manifest], is_observed: bool
) -> None:
    foreign = deployment(replicas=5)
    foreign["metadata"]["ownerReferences"] = owner_references
    await client.apply(foreign)
    client.objects[DEPLOYMENT, "ml", "churn-v1"]["metadata"]["managedFields"] = [{"manager": "kubectl"}]
    live = await client.get(DEPLOYMENT, "ml", "churn-v1")

    with pytest.raises(Conflict, match="Deployment ml/churn-v1 exists and is not managed by this ModelRollout"):
        await applier.apply(OWNER, deployment(), live if is_observed else None)

    assert await client.get(DEPLOYMENT, "ml", "churn-v1") == live


async def test_pruning_removes_what_is_ours_and_no_longer_wanted(client: FakeKubeClient, applier: Applier) -> None:
    kept = await client.apply(deployment(name="churn-v1"))
    obsolete = await client.apply(deployment(name="churn-v2"))
    foreign = await client.apply(deployment(name="churn-v3", owner=STRANGER))
    terminating = await client.apply(deployment(name="churn-v4"))
    terminating["metadata"]["deletionTimestamp"] = "2026-11-24T15:00:00Z"
    observed = [kept, obsolete, foreign, terminating]
    client.requests.clear()

    pruned = await applier.prune(OWNER, observed, [deployment(name="churn-v1")])

    assert pruned == [obsolete]
    assert client.requests == ["delete churn-v2"]
