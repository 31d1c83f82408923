"""A window that looks gross takes traffic away at once, without a verdict."""

import pytest
from tests.unit.rollout.world import World, spec

from modelrollout.evidence.counts import ArmCounts
from modelrollout.rollout.ramp import RETREAT_WEIGHT

STEPS = {"steps": [{"weight": 50, "hold": "20m"}], "holdBack": {"percent": 5, "for": "60s"}}
RAMP = {"ramp": {"maxWeight": 50}, "holdBack": {"percent": 5, "for": "60s"}}


def at_half(strategy: dict[str, object]) -> World:
    world = World(requests_per_second=200.0).run(30)
    world.apply(spec("churn:v2", strategy=strategy))
    while world.share("churn:v2") < 50:
        world.step()
    return world.run(150)


def test_a_gross_failure_in_mid_ramp_loses_its_traffic_with_the_first_window_that_shows_it() -> None:
    world = at_half(STEPS)
    assert world.share("churn:v2") == 50
    world.error_rates["churn:v2"] = 0.2
    world.step()
    assert world.share("churn:v2") == RETREAT_WEIGHT
    assert world.reasons()[-1] == "WeightLowered"
    world.run(900)
    assert world.share("churn:v1") == 100
    assert "GateFailed" in world.reasons()


def test_a_failure_that_the_next_window_proves_is_rolled_back_and_not_waited_for() -> None:
    strategy = {"steps": [{"weight": 10, "hold": "20m"}], "holdBack": {"percent": 5, "for": "60s"}}
    world = World(requests_per_second=200.0).run(30)
    world.apply(spec("churn:v2", strategy=strategy))
    while world.share("churn:v2") < 10:
        world.step()
    world.run(150)
    world.error_rates["churn:v2"] = 0.6
    world.run(10)
    assert world.share("churn:v1") == 100
    assert world.reasons()[-1] == "GateFailed"
    assert "WeightLowered" not in world.reasons()


def test_time_outs_that_come_after_a_retreat_are_not_waited_for() -> None:
    world = at_half(STEPS)
    world.error_rates["churn:v2"] = 0.2
    world.step()
    assert world.share("churn:v2") == RETREAT_WEIGHT
    late_answers_of_half_the_traffic(world)
    world.run(45)
    assert world.share("churn:v1") == 100
    assert world.reasons()[-1] == "GateFailed"


def late_answers_of_half_the_traffic(world: World) -> None:
    """The challenger goes on to fail as it did at half of the traffic."""
    serve = world._serve

    def late() -> None:
        serve()
        window = max(world.counts)
        if world.share("churn:v2") == RETREAT_WEIGHT:
            key = next(key for key in world.weights if world.bentos[key] == "churn:v2")
            world.counts[window][key] = ArmCounts(world.counts[window][key].total + 100, 100)

    world._serve = late  # type: ignore[method-assign]


def test_a_lone_bad_window_costs_a_while_and_nothing_else() -> None:
    world = at_half(STEPS)
    world.error_rates["churn:v2"] = 0.2
    world.step()
    world.error_rates["churn:v2"] = 0.005
    world.run(10)
    assert world.reason("Reconciling") in {"Retreated", "Ramping"}
    assert world.share("churn:v2") == RETREAT_WEIGHT
    world.run(240)
    assert world.share("churn:v2") == 50
    world.run(1500)
    assert world.share("churn:v2") == 100
    assert not world.status.quarantine


@pytest.mark.parametrize("strategy", [STEPS, RAMP], ids=["steps", "ramp"])
def test_a_good_challenger_keeps_its_weight(strategy: dict[str, object]) -> None:
    world = World(requests_per_second=200.0).run(30)
    world.apply(spec("churn:v2", strategy=strategy))
    world.run(600)
    assert "WeightLowered" not in world.reasons()
