"""Containers that crash, are killed for want of memory, or hang until a probe fails, count as evidence."""

from dataclasses import dataclass, field, replace

import pytest
from tests.unit.rollout.world import World, spec

from modelrollout.api.gates import Gate
from modelrollout.rollout.observation import Observation

OOM = "container model exited with code 137 (OOMKilled)"


@dataclass
class Crashing(World):
    """restarts: of the containers of each bento so far."""

    restarts: dict[str, int] = field(default_factory=dict)

    def observe(self) -> Observation:
        seen = super().observe()
        versions = {
            key: replace(found, restarts=count, last_exit=OOM if count else "")
            for key, found in seen.versions.items()
            for count in [self.restarts.get(self.bentos[key], 0)]
        }
        return replace(seen, versions=versions)


STEPS = {"steps": [{"weight": 10, "hold": "1h"}], "holdBack": {"percent": 5, "for": "60s"}}


def ramping(**changes: object) -> Crashing:
    world = Crashing(spec=spec(strategy=STEPS, **changes), restarts={"churn:v1": 9})
    world.run(60)
    world.apply(spec("churn:v2", strategy=STEPS, **changes))
    world.run(60)
    return world


def gate_of(world: World) -> tuple[str, str | None, str | None]:
    gate = world.status.gates[-1]
    return gate.verdict, gate.champion, gate.challenger


def test_restarts_are_judged_and_shown_though_nobody_asked() -> None:
    world = ramping()
    assert world.status.gates[-1].name == "restarts"
    assert gate_of(world) == ("Pass", "0", "0")


def test_a_challenger_that_keeps_crashing_is_rolled_back_by_its_restarts_alone() -> None:
    world = ramping()
    for _ in range(15):
        world.restarts["churn:v2"] = world.restarts.get("churn:v2", 0) + 1
        world.run(60)
    assert "GateFailed" in world.reasons()
    assert world.share("churn:v1") == 100
    assert "restarts failed" in world.status.quarantine[0].message
    assert OOM in world.status.quarantine[0].message


def test_each_restart_is_told_once() -> None:
    world = ramping()
    world.restarts["churn:v2"] = 1
    world.run(60)
    [event] = [event for event in world.events if event.reason == "ContainersRestarted"]
    assert event.message == f"churn:v2: 1 restarts of the challenger's containers, last: {OOM}, 0 of the champion's"


def test_crashes_of_both_are_no_fault_of_the_challenger() -> None:
    world = ramping()
    for _ in range(30):
        world.restarts["churn:v1"] += 2
        world.restarts["churn:v2"] = world.restarts.get("churn:v2", 0) + 1
        world.run(20)
    assert gate_of(world)[0] != "Fail"


def test_pods_that_are_gone_take_their_restarts_along() -> None:
    world = ramping()
    world.restarts = {"churn:v1": 0}
    world.run(10)
    world.restarts["churn:v1"] = 1
    world.run(10)
    assert gate_of(world) == ("Pass", "1", "0")


def test_restarts_count_while_prometheus_is_down() -> None:
    world = ramping()
    world.prometheus = "down"
    world.restarts["churn:v2"] = 5
    world.run(10)
    assert gate_of(world) == ("Pass", "0", "5")


def test_a_look_that_was_lost_in_a_crash_counts_nothing_twice() -> None:
    world = ramping()
    world.restarts["churn:v2"] = 1
    world.step(crash="before the status is written")
    world.run(20)
    assert gate_of(world) == ("Pass", "0", "1")


@pytest.mark.parametrize("mode", ["Observe", "Decide"])
def test_the_gate_on_restarts_can_be_said_and_turned_off(mode: str) -> None:
    gates = [{"name": "errors", "errorRate": {}}, {"name": "crashes", "mode": mode, "restarts": {}}]
    world = ramping(gates=gates)
    world.restarts["churn:v2"] = 20
    world.run(60)
    [gate] = [gate for gate in world.status.gates if gate.name != "errors"]
    assert (gate.name, gate.verdict) == ("crashes", "Fail")
    assert ("GateFailed" in world.reasons()) is (mode == "Decide")


def test_a_gate_of_another_kind_may_be_named_restarts() -> None:
    gates = [{"name": "restarts", "errorRate": {}}]
    assert [gate.name for gate in spec(gates=gates).judged_gates] == ["restarts"]
    assert isinstance(spec(gates=gates).judged_gates[0], Gate)
