"""ModelRollouts as the operator leaves them at some moments of their lives."""

from typing import Any

from tests.unit.rollout.world import World, spec

from modelrollout.api.rollout import ModelRollout
from modelrollout.api.status import Phase

STEPS_WITH_APPROVAL = {"steps": [{"weight": 10, "hold": "20s", "approval": True}, {"weight": 50}]}


def serving(**changes: Any) -> World:
    """churn:v1 serves alone."""
    return World(**changes).run(30)


def rolling_out(**changes: Any) -> World:
    """churn:v2 has its first weight beside churn:v1, and a few windows are judged."""
    world = serving()
    world.apply(spec("churn:v2", **changes))
    while not (world.status.gates and world.status.gates[0].requests):
        world.step()
    return world


def waiting_for_approval() -> World:
    """As `rolling_out`, but nothing goes on without an approval."""
    return rolling_out(strategy=STEPS_WITH_APPROVAL).run(40)


def past_deadline() -> World:
    """As `rolling_out`, and people are asked since the deadline has passed."""
    return rolling_out(
        strategy={"steps": [{"weight": 10, "hold": "30s"}], "deadline": {"after": "40s", "action": "Ask"}}
    ).run(60)


def promoting() -> World:
    """churn:v2 is good and about to become the champion."""
    world = rolling_out()
    while world.status.phase is not Phase.PROMOTING:
        world.step()
    return world


def watched() -> World:
    """churn:v2 was promoted a moment ago; churn:v1 is warm."""
    world = promoting()
    while world.status.watch is None:
        world.step()
    return world


def decided() -> World:
    """churn:v2 was promoted, and the watch is over."""
    return watched().run(120)


def rolled_back() -> World:
    """churn:v2 was aborted."""
    world = rolling_out()
    world.commands = {"abort": "now"}
    return world.run(60)


def retried() -> World:
    """churn:v2 was aborted and is being tried again."""
    world = rolled_back()
    world.commands = {"retry": "now"}
    return world.run(10)


def rollout(world: World, **metadata: Any) -> ModelRollout:
    """The ModelRollout of a world, as the API server has it."""
    return ModelRollout.model_validate(
        {
            "apiVersion": "modelrollout.io/v1alpha1",
            "kind": "ModelRollout",
            "metadata": {"name": "churn", "namespace": "ml", "generation": world.generation, **metadata},
            "spec": world.spec.manifest(),
            "status": world.status.manifest(),
        }
    )
