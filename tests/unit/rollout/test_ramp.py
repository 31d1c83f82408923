"""The default ramp: the weight follows the evidence and the budget."""

from hypothesis import given
from hypothesis import strategies as st
from tests.unit.rollout.world import World, spec

BY_BUDGET = {"ramp": {"maxWeight": 50, "budget": {"badRequests": 100}}, "holdBack": {"for": "60s"}}


def rolling_out(error_rate: float, requests_per_second: float, **changes: object) -> World:
    world = World(requests_per_second=requests_per_second, error_rates={"churn:v2": error_rate})
    world.run(30)
    world.apply(spec("churn:v2", strategy=BY_BUDGET, **changes))
    return world


def test_a_good_challenger_climbs_level_by_level_and_is_promoted() -> None:
    world = rolling_out(0.005, 200.0).run(1200)
    assert world.share("churn:v2") == 100
    raised = [
        int(event.message.split("weight ")[1].split(":")[0]) for event in world.events if event.reason == "WeightRaised"
    ]
    assert raised == sorted(raised)
    assert set(raised) <= {2, 5, 10, 25, 50}


@given(st.sampled_from([0.05, 0.2, 0.5, 1.0]), st.sampled_from([20.0, 200.0]))
def test_a_bad_challenger_costs_no_more_than_the_budget(error_rate: float, requests_per_second: float) -> None:
    world = rolling_out(error_rate, requests_per_second).run(1200)
    assert world.share("churn:v1") == 100
    served = sum(
        counts.bad
        for window in world.counts.values()
        for key, counts in window.items()
        if world.bentos[key] == "churn:v2"
    )
    assert served <= 100


def test_the_ramp_never_exceeds_the_greatest_weight_of_the_manifest() -> None:
    strategy = {"ramp": {"maxWeight": 20}, "holdBack": {"percent": 0, "for": "0s"}}
    world = World()
    world.run(30)
    world.apply(spec("churn:v2", strategy=strategy))
    world.run(600)
    shares = {weight for weights in world.history for key, weight in weights.items() if world.bentos[key] == "churn:v2"}
    assert max(shares - {100}) == 20
