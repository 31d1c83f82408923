"""What outlives a ModelRollout, its status and its last valid spec."""

from typing import Any

import pytest
from tests.unit.kube.fake_client import FakeKubeClient
from tests.unit.runtime.test_faults import RAMPING, TAKEN_AWAY, in_cluster, weights, withdrawn
from tests.unit.runtime.test_reconcile import KEY, NOW, V1, V2, Asked, condition, reconciler, rollout, status

from modelrollout.api.status import QuarantinedVersion, Status
from modelrollout.kube.ownership import Owner
from modelrollout.kube.snapshots import Snapshot, Snapshots
from modelrollout.ports import CONTROLLER_REVISION, MODEL_ROLLOUT, Manifest
from modelrollout.rollout.observation import FoundVersion
from modelrollout.runtime import reconcile
from modelrollout_contract.objects import SNAPSHOT_LABEL

OWNER = Owner("ml", "churn", "u1")
SUCCESSOR = Owner("ml", "churn", "u2")
BAD = QuarantinedVersion(**dict(V2), reason="GateFailed", message="worse", at=NOW, failures=1)
SERVES = Status(
    champion=V1, challenger=V2, rollout=RAMPING, serving_since=NOW, quarantine=(BAD,), handled={"abort": "1"}
)


def kept(client: FakeKubeClient) -> list[Manifest]:
    revisions = [item for (kind, _, _), item in client.objects.items() if kind == CONTROLLER_REVISION]
    return [item for item in revisions if SNAPSHOT_LABEL in item["metadata"]["labels"]]


async def test_a_successor_learns_what_the_versions_were_which_was_bad_and_what_was_carried_out() -> None:
    client = FakeKubeClient()
    await Snapshots(client).keep(OWNER, Snapshot.of({"model": {}}, SERVES))

    found = await Snapshots(client).read("ml", "churn")

    assert found == Snapshot.of({"model": {}}, SERVES)
    assert found.found == (FoundVersion(V1, "Champion"), FoundVersion(V2, "Challenger"))
    assert (found.quarantine, found.handled) == ((BAD,), {"abort": "1"})


async def test_a_version_that_never_served_is_no_champion_to_return_to() -> None:
    assert Snapshot.of({}, Status(champion=V1)).found == ()


async def test_only_the_last_snapshot_is_kept_and_nobody_owns_it() -> None:
    client = FakeKubeClient()
    snapshots = Snapshots(client)
    for spec in ({"a": 1}, {"a": 2}, {"a": 2}):
        await snapshots.keep(OWNER, Snapshot.of(spec, SERVES))

    [last] = kept(client)
    assert (last["data"]["spec"], last["revision"]) == ({"a": 2}, 2)
    assert "ownerReferences" not in last["metadata"]


async def test_what_was_noted_already_is_not_written_again_after_a_restart_neither() -> None:
    client = FakeKubeClient()
    snapshots = Snapshots(client)
    await snapshots.keep(OWNER, Snapshot.of({}, SERVES))
    client.requests.clear()

    await snapshots.keep(OWNER, Snapshot.of({}, SERVES))
    assert client.requests == []
    await Snapshots(client).keep(OWNER, Snapshot.of({}, SERVES))
    assert client.requests == ["list controllerrevisions"]


async def test_a_snapshot_that_somebody_has_spoilt_is_none() -> None:
    client = FakeKubeClient()
    await Snapshots(client).keep(OWNER, Snapshot.of({}, SERVES))
    kept(client)[0]["data"] = {"versions": "none"}

    assert await Snapshots(client).read("ml", "churn") is None


def made_again(**spec: Any) -> Manifest:
    manifest = rollout(**spec)
    manifest["metadata"]["uid"] = SUCCESSOR.uid
    return manifest


async def test_commands_that_were_carried_out_are_not_carried_out_again_for_a_rollout_that_is_made_again() -> None:
    manifest = made_again(model={"bento": "churn:v2", "image": "churn:v2"})
    manifest["metadata"]["annotations"] = {"modelrollout.io/abort": "1"}
    client = FakeKubeClient(manifest)
    await Snapshots(client).keep(OWNER, Snapshot.of({}, SERVES))

    await reconciler(client, Asked()).reconcile(KEY)

    assert status(client)["handled"] == {"abort": "1"}


INVALID = {"strategy": {"steps": [{"weight": 150}]}}


@pytest.mark.parametrize(
    "edit",
    [
        pytest.param(INVALID, id="a weight"),
        pytest.param({"serving": {"podTemplate": {"spec": "none"}}}, id="a pod template"),
        pytest.param({"traffic": {"gatewayAPI": {"parentRefs": []}}}, id="traffic"),
        pytest.param({"gates": [{"name": "errors", "errorRate": {}}] * 2}, id="gates"),
    ],
)
async def test_an_invalid_edit_is_told_and_the_last_valid_spec_goes_on_being_judged(edit: dict[str, Any]) -> None:
    edited = withdrawn()
    client = FakeKubeClient(*in_cluster(edited))
    await Snapshots(client).keep(OWNER, Snapshot.of(edited["spec"], Status.model_validate(edited["status"])))
    client.objects[MODEL_ROLLOUT, "ml", "churn"]["spec"] |= edit
    subject = reconciler(client, Asked())

    assert await subject.reconcile(KEY) is not None

    assert weights(client) == TAKEN_AWAY
    assert condition(client, "Stalled")["reason"] == "InvalidSpec"
    assert "the last valid spec goes on being judged" in condition(client, "Ready")["message"]
    [snapshot] = kept(client)
    assert snapshot["data"]["spec"] == edited["spec"]

    await subject.reconcile(KEY)
    client.requests.clear()
    await subject.reconcile(KEY)
    assert [request for request in client.requests if not request.startswith(("get", "list"))] == []


async def test_what_a_deleted_rollout_left_is_removed_an_hour_later(monkeypatch: pytest.MonkeyPatch) -> None:
    client, clock = FakeKubeClient(), 0.0
    monkeypatch.setattr(reconcile, "monotonic", lambda: clock)
    await Snapshots(client).keep(OWNER, Snapshot.of({}, SERVES))
    subject = reconciler(client)

    assert await subject.reconcile(KEY) == reconcile.KEEP_SECONDS
    assert kept(client) != []

    clock = reconcile.KEEP_SECONDS
    assert await subject.reconcile(KEY) is None
    assert kept(client) == []
