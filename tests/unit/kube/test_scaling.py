"""Who decides how many pods a Deployment has, by the API server's own record."""

from typing import Any

import pytest
from tests.simulation.machine import MOMENTS, at
from tests.simulation.world import Simulation

from modelrollout.kube.scaling import is_scaled_from_outside
from modelrollout.ports import DEPLOYMENT

REPLICAS = {"f:spec": {"f:replicas": {}}}
OURS = {"manager": "modelrollout", "operation": "Apply", "fieldsV1": {"f:spec": {"f:template": {}}}}
OURS_WITH_REPLICAS = {**OURS, "fieldsV1": REPLICAS}


def by(manager: str, **fields: Any) -> dict[str, Any]:
    return {"manager": manager, "operation": "Update", "subresource": "scale", "fieldsV1": REPLICAS, **fields}


@pytest.mark.parametrize(
    ("entries", "outside"),
    [
        ([OURS, by("kube-controller-manager")], True),
        ([OURS, by("keda")], True),
        ([OURS, by("kubectl")], False),
        ([OURS, by("kubectl-scale")], False),
        ([OURS, by("argocd", subresource=None)], False),
        ([OURS_WITH_REPLICAS, by("kube-controller-manager")], False),
        ([OURS_WITH_REPLICAS], False),
        ([], False),
    ],
)
def test_an_autoscaler_is_known_by_the_scale_subresource(entries: list[dict[str, Any]], outside: bool) -> None:
    assert is_scaled_from_outside({"metadata": {"managedFields": entries}}) is outside


def autoscale(world: Simulation, version_hash: str, replicas: int) -> None:
    """What a HorizontalPodAutoscaler does to the Deployment of a version."""
    live = world.deployments()[version_hash]
    live["spec"]["replicas"] = replicas
    [own] = [item for item in live["metadata"]["managedFields"] if item["manager"] == "modelrollout"]
    own["fieldsV1"]["f:spec"].pop("f:replicas", None)
    live["metadata"]["managedFields"] = [own, by("kube-controller-manager")]
    live["metadata"]["generation"] += 1


@pytest.mark.parametrize("replicas", [1, 9])
def test_the_champion_has_the_pods_that_its_autoscaler_says(replicas: int) -> None:
    world = at("the first version serves")
    champion = world.status().champion
    assert champion
    autoscale(world, champion.hash, replicas)

    world.run(60)

    assert world.deployments()[champion.hash]["spec"]["replicas"] == replicas
    assert world.status().replicas == replicas
    assert len(world.server.of_kind(DEPLOYMENT)) == 1


@pytest.mark.parametrize(("asked", "has"), [(9, 9), (1, 2)])
def test_a_challenger_has_no_fewer_pods_than_its_weight_needs(asked: int, has: int) -> None:
    world = at("the last weight")
    challenger = world.status().challenger
    assert challenger
    assert MOMENTS["the last weight"](world)
    autoscale(world, challenger.hash, asked)

    world.run(5)

    assert world.deployments()[challenger.hash]["spec"]["replicas"] == has
