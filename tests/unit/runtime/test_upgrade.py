"""What the last release left in a cluster, met by this operator: recorded by that release, with settings for its pods.

Each file of `last_release` holds all objects of one moment in the life of a ModelRollout.
"""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from tests.simulation.api_server import SimulatedApiServer
from tests.simulation.world import Simulation

from modelrollout.ports import DEPLOYMENT, Manifest

RECORDED = sorted(Path(__file__).with_name("last_release").glob("*.json"))


def as_left(recorded: Path) -> Simulation:
    """The simulated cluster with all that the last release had made in it."""
    content = json.loads(recorded.read_text())
    world = Simulation(now=datetime.fromisoformat(content["now"]))
    server = SimulatedApiServer(*content["objects"])
    server._revision = 1000
    world.server.objects, world.server._revision = server.objects, server._revision
    for item in content["objects"]:
        if item["kind"] == "Pod":
            world.nodes.born[item["metadata"]["name"]] = world.now
    world.gateway.routed, world.gateway.generation = world.weights(), 10**6
    return world


def workloads(world: Simulation) -> dict[str, Any]:
    return {name: item["spec"] for name, item in world.server.of_kind(DEPLOYMENT).items()}


@pytest.mark.parametrize("recorded", RECORDED, ids=lambda path: path.stem)
def test_an_upgrade_writes_to_no_workload_and_starts_nothing(recorded: Path) -> None:
    world = as_left(recorded)
    before = workloads(world)
    versions = [world.status().champion, world.status().challenger, world.status().previous]

    first, second = world.look(), world.look()

    assert set(first.writes) <= {"apply ControllerRevision", "delete ControllerRevision", "apply status"}
    assert second.writes == []
    assert workloads(world) == before
    after = world.status()
    for version, now in zip(versions, (after.champion, after.challenger, after.previous), strict=True):
        assert (version and version.hash) == (now and now.hash)


def change(serving: Manifest) -> Manifest:
    return {**serving, "env": [{"name": "THRESHOLD", "value": "0.9"}]}


@pytest.mark.parametrize("suspended", [False, True])
def test_an_edit_while_the_operator_was_replaced_is_a_revision_and_no_change_of_the_champion(suspended: bool) -> None:
    world = as_left(RECORDED[1])
    before = workloads(world)
    assert world.rollout
    world.edit_spec(serving=change(world.rollout["spec"]["serving"]), suspend=suspended)
    world.look()
    world.edit_spec(suspend=False)

    world.look()

    champion, challenger = world.status().champion, world.status().challenger
    assert champion
    assert challenger
    assert champion.hash != challenger.hash
    assert {name: workloads(world)[name] for name in before} == before
