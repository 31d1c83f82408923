"""What happens to the objects of a ModelRollout is a reason to look at it; what the operator wrote itself is none."""

import copy
from typing import Any

import pytest

from modelrollout.kube.cache import ObjectCache
from modelrollout.ports import (
    DEPLOYMENT,
    FIELD_MANAGER,
    HTTP_ROUTE,
    MODEL_ROLLOUT,
    POD,
    SERVICE,
    Manifest,
    ResourceKind,
)
from modelrollout.runtime.changes import Changes, may_take_traffic_away
from modelrollout.runtime.queue import Key
from modelrollout_contract.objects import ROLLOUT_LABEL

KEY = Key("ml", "churn")
OURS = {"manager": FIELD_MANAGER, "operation": "Apply"}
CONTROLLERS = {"manager": "kube-controller-manager", "subresource": "status"}
USERS = {"manager": "kubectl-edit"}


def thing(kind: ResourceKind, status: Manifest | None = None, **metadata: Any) -> Manifest:
    return {
        "apiVersion": kind.api_version,
        "kind": kind.kind,
        "metadata": {
            "namespace": "ml",
            "name": "churn" if kind in (MODEL_ROLLOUT, HTTP_ROUTE) else "churn-a",
            "uid": kind.kind,
            "resourceVersion": "1",
            "generation": 1,
            "managedFields": [OURS],
            **({} if kind == MODEL_ROLLOUT else {"labels": {ROLLOUT_LABEL: "churn"}}),
            **metadata,
        },
        "status": status or {},
    }


def answer(status: str = "True", generation: int = 1) -> Manifest:
    condition = {"type": "Accepted", "status": status, "reason": "x", "observedGeneration": generation}
    return {"parents": [{"conditions": [condition]}]}


def pod(ready: str = "True", **container: Any) -> Manifest:
    state = {"name": "model", "ready": True, "restartCount": 0, "state": {"running": {}}, **container}
    return {"phase": "Running", "conditions": [{"type": "Ready", "status": ready}], "containerStatuses": [state]}


def deployment(ready: int = 1, **changes: Any) -> Manifest:
    return {"replicas": 1, "updatedReplicas": 1, "readyReplicas": ready, "observedGeneration": 1, **changes}


MATTERS = [
    ("spec", thing(MODEL_ROLLOUT), thing(MODEL_ROLLOUT, generation=2)),
    ("command", thing(MODEL_ROLLOUT), thing(MODEL_ROLLOUT, annotations={"modelrollout.io/abort": "now"})),
    ("deletion", thing(MODEL_ROLLOUT), thing(MODEL_ROLLOUT, deletionTimestamp="2026-11-24T15:00:00Z")),
    ("pods ready", thing(DEPLOYMENT, deployment(0)), thing(DEPLOYMENT, deployment(1))),
    (
        "edit of a Deployment",
        thing(DEPLOYMENT, deployment()),
        thing(DEPLOYMENT, deployment(), generation=2, managedFields=[OURS, USERS]),
    ),
    (
        "quota",
        thing(DEPLOYMENT, deployment()),
        thing(DEPLOYMENT, deployment(conditions=[{"type": "ReplicaFailure", "status": "True"}])),
    ),
    (
        "labels",
        thing(DEPLOYMENT, deployment()),
        thing(DEPLOYMENT, deployment(), labels={ROLLOUT_LABEL: "churn", "a": "b"}),
    ),
    ("pod unready", thing(POD, pod()), thing(POD, pod("False"))),
    ("pod crashed", thing(POD, pod()), thing(POD, pod(restartCount=1))),
    ("pod evicted", thing(POD, pod()), thing(POD, pod(), deletionTimestamp="2026-11-24T15:00:00Z")),
    ("refused route", thing(HTTP_ROUTE, answer()), thing(HTTP_ROUTE, answer("False"))),
    (
        "edit of the route",
        thing(HTTP_ROUTE, answer()),
        thing(HTTP_ROUTE, answer(), generation=2, managedFields=[OURS, USERS]),
    ),
    ("edit of a Service", thing(SERVICE), thing(SERVICE, managedFields=[OURS, USERS], generation=None)),
]

DOES_NOT = [
    ("status", thing(MODEL_ROLLOUT), thing(MODEL_ROLLOUT, {"phase": "Ramping"})),
    (
        "new replicas",
        thing(DEPLOYMENT, deployment()),
        thing(DEPLOYMENT, deployment(), generation=2, managedFields=[OURS, CONTROLLERS]),
    ),
    (
        "progress",
        thing(DEPLOYMENT, deployment()),
        thing(DEPLOYMENT, deployment(conditions=[{"type": "Progressing", "status": "True", "message": "x"}])),
    ),
    ("new weights", thing(HTTP_ROUTE, answer()), thing(HTTP_ROUTE, answer(), generation=2)),
    ("start time", thing(POD, pod()), thing(POD, {**pod(), "startTime": "2026-11-24T15:00:00Z"})),
]


def newer(manifest: Manifest) -> Manifest:
    later = copy.deepcopy(manifest)
    later["metadata"]["resourceVersion"] = "2"
    return later


@pytest.mark.parametrize(("before", "after"), [case[1:] for case in MATTERS], ids=[case[0] for case in MATTERS])
def test_what_others_do_is_a_reason_to_look(before: Manifest, after: Manifest) -> None:
    changes = Changes(ObjectCache([MODEL_ROLLOUT]))
    assert changes.take(None, before) == KEY
    assert changes.take("MODIFIED", newer(after)) == KEY
    assert changes.take("MODIFIED", newer(after)) is None


@pytest.mark.parametrize(("before", "after"), [case[1:] for case in DOES_NOT], ids=[case[0] for case in DOES_NOT])
def test_what_the_operator_wrote_and_controllers_count_is_none(before: Manifest, after: Manifest) -> None:
    changes = Changes(ObjectCache([MODEL_ROLLOUT]))
    changes.take("ADDED", before)
    assert changes.take("MODIFIED", newer(after)) is None
    found = changes.cache.get(*_place(after))
    assert found is not None
    assert found["metadata"]["resourceVersion"] == "2"


@pytest.mark.parametrize(("phase", "looked_at"), [("Ramping", None), ("Preparing", KEY), ("RolledBack", KEY)])
def test_a_gateways_yes_is_waited_for_unless_the_ramp_goes_on_anyway(phase: str, looked_at: Key | None) -> None:
    changes = Changes(ObjectCache([MODEL_ROLLOUT]))
    changes.take("ADDED", thing(MODEL_ROLLOUT, {"phase": phase}))
    changes.take("ADDED", thing(HTTP_ROUTE, answer("Unknown")))
    assert changes.take("MODIFIED", newer(thing(HTTP_ROUTE, answer()))) == looked_at


def test_the_end_of_an_object_is_a_reason_to_look() -> None:
    changes = Changes(ObjectCache([MODEL_ROLLOUT]))
    changes.take("ADDED", thing(POD, pod()))
    assert changes.take("DELETED", thing(POD, pod())) == KEY
    assert changes.cache.of_kind(POD) == []


def test_objects_of_nobody_are_none() -> None:
    assert Changes(ObjectCache([MODEL_ROLLOUT])).take("ADDED", thing(POD, pod(), labels={})) is None


@pytest.mark.parametrize(
    ("status", "annotations", "urgent"),
    [
        ({}, {}, False),
        ({"gates": [{"verdict": "Pass"}]}, {}, False),
        ({"gates": [{"verdict": "Pass"}, {"verdict": "Fail"}]}, {}, True),
        ({}, {"modelrollout.io/abort": "now"}, True),
        ({"handled": {"abort": "now"}}, {"modelrollout.io/abort": "now"}, False),
        ({"conditions": [{"type": "Progressing", "status": "True", "reason": "Doubtful"}]}, {}, True),
        ({"conditions": [{"type": "Ready", "status": "False", "reason": "NoPods"}]}, {}, True),
        ({"conditions": [{"type": "Ready", "status": "True", "reason": "Serving"}]}, {}, False),
    ],
)
def test_what_may_lose_its_traffic_is_urgent(status: Manifest, annotations: Manifest, urgent: bool) -> None:
    assert may_take_traffic_away(thing(MODEL_ROLLOUT, status, annotations=annotations)) is urgent


def _place(manifest: Manifest) -> tuple[ResourceKind, str, str]:
    kind = next(kind for kind in (MODEL_ROLLOUT, DEPLOYMENT, HTTP_ROUTE, POD) if kind.kind == manifest["kind"])
    return kind, manifest["metadata"]["namespace"], manifest["metadata"]["name"]
