"""Whether an apply is needed, by the API server's own record of who has set which fields."""

import copy
from typing import Any

import pytest

from modelrollout.kube.comparison import is_as_desired
from modelrollout.ports import Manifest

DESIRED: Manifest = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "churn", "labels": {"modelrollout.io/rollout": "churn", "app.kubernetes.io/name": "churn"}},
    "spec": {
        "replicas": 2,
        "template": {
            "spec": {
                "nodeSelector": {"gpu": "yes"},
                "containers": [
                    {"name": "model", "image": "churn:v1", "args": ["serve"], "ports": [{"containerPort": 3000}]}
                ],
            }
        },
    },
}

PORT = 'k:{"containerPort":3000,"protocol":"TCP"}'

# As an API server stores it, with defaults and with what it notes of an apply.
LIVE: Manifest = {
    **DESIRED,
    "metadata": {
        **DESIRED["metadata"],
        "generation": 3,
        "managedFields": [
            {"manager": "kube-controller-manager", "operation": "Update", "subresource": "status", "fieldsV1": {}},
            {
                "manager": "modelrollout",
                "operation": "Apply",
                "fieldsV1": {
                    "f:metadata": {"f:labels": {"f:app.kubernetes.io/name": {}, "f:modelrollout.io/rollout": {}}},
                    "f:spec": {
                        "f:replicas": {},
                        "f:template": {
                            "f:spec": {
                                "f:nodeSelector": {"f:gpu": {}},
                                "f:containers": {
                                    'k:{"name":"model"}': {
                                        ".": {},
                                        "f:name": {},
                                        "f:image": {},
                                        "f:args": {},
                                        "f:ports": {
                                            'k:{"containerPort":3000,"protocol":"TCP"}': {
                                                ".": {},
                                                "f:containerPort": {},
                                            }
                                        },
                                    }
                                },
                            }
                        },
                    },
                },
            },
        ],
    },
    "spec": {
        "replicas": 2,
        "paused": False,
        "template": {
            "spec": {
                "restartPolicy": "Always",
                "nodeSelector": {"gpu": "yes"},
                "containers": [
                    {
                        "name": "model",
                        "image": "churn:v1",
                        "args": ["serve"],
                        "ports": [{"containerPort": 3000, "protocol": "TCP"}],
                        "imagePullPolicy": "IfNotPresent",
                    }
                ],
            }
        },
    },
}


def changed(manifest: Manifest, *path: Any, to: Any) -> Manifest:
    edited = copy.deepcopy(manifest)
    place: Any = edited
    for part in path[:-1]:
        place = place[part]
    if to is None:
        del place[path[-1]]
    else:
        place[path[-1]] = to
    return edited


POD = ("spec", "template", "spec")
CONTAINER = (*POD, "containers", 0)


def test_defaults_of_the_api_server_are_no_difference() -> None:
    assert is_as_desired(LIVE, DESIRED)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        pytest.param(("spec", "replicas"), 3, id="another value"),
        pytest.param((*CONTAINER, "args"), ["serve", "--debug"], id="another list"),
        pytest.param((*CONTAINER, "env"), [{"name": "A"}], id="a field more"),
        pytest.param((*POD, "nodeSelector"), None, id="a field less, which an earlier apply has set"),
        pytest.param((*POD, "nodeSelector", "gpu"), None, id="a key less, which an earlier apply has set"),
        pytest.param((*CONTAINER, "ports"), [{"containerPort": 3001}], id="another item"),
        pytest.param((*POD, "containers"), [], id="an item less"),
        pytest.param(("metadata", "labels", "modelrollout.io/rollout"), "other", id="a label of ours"),
    ],
)
def test_another_wish_is_a_difference(path: tuple[Any, ...], value: Any) -> None:
    assert not is_as_desired(LIVE, changed(DESIRED, *path, to=value))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        pytest.param(("spec", "replicas"), 7, id="a value"),
        pytest.param((*CONTAINER, "image"), "other:v1", id="a value in a list"),
        pytest.param((*POD, "nodeSelector"), None, id="a field that is gone"),
    ],
)
def test_what_someone_else_has_changed_is_a_difference(path: tuple[Any, ...], value: Any) -> None:
    assert not is_as_desired(changed(LIVE, *path, to=value), DESIRED)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        pytest.param(("spec", "paused"), True, id="a field that is not ours"),
        pytest.param(("metadata", "labels", "app.kubernetes.io/name"), "rewritten", id="a label that tools show"),
        pytest.param((*POD, "nodeSelector", "zone"), "a", id="a key beside ours"),
    ],
)
def test_what_is_not_ours_is_no_difference(path: tuple[Any, ...], value: Any) -> None:
    assert is_as_desired(changed(LIVE, *path, to=value), DESIRED)


def test_an_object_of_which_nobody_noted_who_set_what_may_differ() -> None:
    assert not is_as_desired(changed(LIVE, "metadata", "managedFields", to=None), DESIRED)
