"""The shadow phase: a challenger is judged on copies of requests before anybody gets its answers."""

import pytest
from tests.unit.rollout.world import World, spec

from modelrollout.api.spec import ModelRolloutSpec
from modelrollout.rollout.observation import Copies

SHADOW = {"for": "60s"}


def shadowed(bento: str, serving: dict[str, object] | None = None, **shadow: object) -> ModelRolloutSpec:
    strategy = {
        "shadow": SHADOW | shadow,
        "steps": [{"weight": 10, "hold": "20s"}, {"weight": 50, "hold": "20s"}],
        "holdBack": {"percent": 5, "for": "60s"},
    }
    return spec(bento, strategy=strategy, serving={"requestTimeout": "5s"} | (serving or {}))


def shadowing(world: World | None = None, **shadow: object) -> World:
    """A world whose challenger has just begun to get copies."""
    world = (world or World()).run(30)
    world.apply(shadowed("churn:v2", **shadow))
    while "ShadowStarted" not in world.reasons():
        world.step()
    return world


def seconds_until(world: World, reason: str, limit: float = 1200) -> float:
    began = world.now
    while reason not in world.reasons() and (world.now - began).total_seconds() < limit:
        world.step()
    return (world.now - began).total_seconds()


def test_a_good_challenger_sees_copies_before_it_answers_anybody_and_is_promoted() -> None:
    world = shadowing()
    assert world.share("churn:v2") == 0
    assert [copies.percent for copies in world.copies.values()] == [100]
    assert 60 <= seconds_until(world, "RampStarted") <= 90
    world.run(600)
    assert world.copies == {}
    assert world.reasons()[2:] == [
        "RolloutStarted",
        "ShadowStarted",
        "RampStarted",
        "WeightRaised",
        "PromotionStarted",
        "Promoted",
        "WatchPassed",
    ]


def test_a_bad_challenger_is_rolled_back_before_anybody_had_an_answer_of_it() -> None:
    world = shadowing(World(error_rates={"churn:v2": 0.5}))
    seconds_until(world, "GateFailed")
    assert world.reasons()[-1] == "GateFailed"
    assert {weights.get(key, 0) for weights in world.history for key in world.bentos if "v2" in world.bentos[key]} == {
        0
    }
    world.step()
    assert world.copies == {}


def test_copies_have_the_pods_for_all_of_the_traffic_since_a_gateway_may_copy_all() -> None:
    world = World(spec=spec(serving={"replicas": 5}))
    world = shadowing(world, serving={"replicas": 5}, percent=10)
    assert {world.bentos[key]: len(pods) for key, pods in world.pods.items()} == {"churn:v1": 5, "churn:v2": 5}
    seconds_until(world, "RampStarted")
    world.run(10)
    assert {world.bentos[key]: len(pods) for key, pods in world.pods.items()} == {"churn:v1": 5, "churn:v2": 1}


def test_a_gateway_that_copies_all_where_a_part_was_asked_for_is_told() -> None:
    world = shadowing(percent=10)
    world.misrouted = {"churn:v2": 100}
    world.run(45)
    assert "copies 100 % of the requests to the challenger, where 10 % are asked for" in world.status.verdict
    assert "GateFailed" not in world.reasons()
    seconds_until(world, "RampStarted")
    assert world.reasons()[-1] == "RampStarted"


def test_a_gateway_that_copies_what_was_asked_for_is_not_complained_of() -> None:
    world = shadowing(percent=10)
    world.run(45)
    assert "asked for" not in world.status.verdict
    assert "copies of requests" in world.status.verdict


def test_no_weight_is_given_before_a_copy_was_seen() -> None:
    world = shadowing(World(misrouted={"churn:v2": 0}))
    world.run(300)
    assert world.reasons()[-1] == "ShadowStarted"
    assert world.reason("Ready") == "NoRequests"


def test_the_gates_that_are_named_have_to_pass_on_copies_first() -> None:
    world = shadowing(World(requests_per_second=4), gates=["errors"])
    world.run(90)
    assert "waits for errors to pass" in world.status.verdict
    seconds_until(world, "RampStarted", limit=3600)
    errors = next(gate for gate in world.status.gates if gate.name == "errors")
    assert errors.verdict == "Pass"


def test_requests_that_may_be_copied_are_told_to_the_gateway() -> None:
    world = shadowing(percent=20, methods=["POST"], pathPrefixes=["/predict"])
    assert list(world.copies.values()) == [Copies(20, ("POST",), ("/predict",))]


@pytest.mark.parametrize(("command", "reason"), [("abort", "Aborted"), ("promote", "PromotionForced")])
def test_people_can_end_the_shadow_phase(command: str, reason: str) -> None:
    world = shadowing()
    world.commands = {command: "now"}
    world.step()
    assert reason in world.reasons()
    world.step()
    assert world.copies == {}


def test_a_spec_that_no_longer_asks_for_a_shadow_phase_goes_on_to_the_ramp() -> None:
    world = shadowing()
    world.apply(shadowed("churn:v2").model_copy(update={"strategy": spec().strategy}))
    world.run(10)
    assert world.reasons()[-1] == "RampStarted"
