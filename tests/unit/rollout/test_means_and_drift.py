"""Rollouts that are judged by a mean, or by where predictions fall."""

from typing import Any

import pytest
from tests.unit.rollout.recorded_world import RecordedWorld
from tests.unit.rollout.world import spec

from modelrollout.api.identity import version_of
from modelrollout.offline.recorded import Changes, decide_under, rollouts
from modelrollout.rollout.ramp import LEVELS
from modelrollout.rollout.recording import Outcome, Record

ERRORS = {"name": "errors", "errorRate": {"maxIncrease": "2%"}}
LOSS = {"name": "loss", "mean": {"sum": "loss_sum", "count": "loss_count", "maxDegradation": 0.3, "tolerated": 0.1}}
CLASSES = {"name": "classes", "drift": {"counter": "p_total", "label": "class", "values": ["a", "b"]}}
SERVICE = {"service": {"bento": "majority:v1", "image": "registry.example/majority:v1"}}
HALF = {"steps": [{"weight": 50}], "holdBack": {"percent": 5, "for": "0s"}}


def rolled_out(loss: float = 1.0, classes: tuple[float, ...] = (0.5, 0.3, 0.2), **changes: Any) -> RecordedWorld:
    """A world in which churn:v2 with this loss and these classes had ten minutes to prove itself."""
    changes = {"gates": [ERRORS, LOSS, CLASSES], "strategy": HALF, **changes}
    world = RecordedWorld(spec("churn:v1", **changes), losses={"churn:v2": loss}, classes={"churn:v2": classes})
    world.run(30)
    world.apply(spec("churn:v2", **changes))
    world.run(600)
    return world


def why(world: RecordedWorld) -> str:
    """Why churn:v2 was promoted or rolled back."""
    events = [event for event in world.events if event.reason in ("PromotionStarted", "GateFailed")]
    return f"{events[-1].reason}: {events[-1].message}" if events else "undecided"


@pytest.mark.parametrize(
    ("challenger", "expected"),
    [
        pytest.param({}, "PromotionStarted: ", id="as good"),
        pytest.param({"loss": 0.5}, "PromotionStarted: ", id="a lower loss"),
        pytest.param({"loss": 2.0}, "GateFailed: churn:v2 is worse than the champion: loss failed: mean ", id="worse"),
        pytest.param(
            {"classes": (0.2, 0.3, 0.5)},
            "GateFailed: churn:v2 is worse than the champion: classes failed: ",
            id="moved",
        ),
        pytest.param({"loss": 1.0, "gates": [LOSS]}, "PromotionStarted: ", id="a mean alone"),
        pytest.param(
            {"loss": 2.0, "baseline": SERVICE},
            "GateFailed: churn:v2 is worse than the baseline: loss failed: mean ",
            id="worse than a service",
        ),
    ],
)
def test_a_challenger_is_judged_by_all_kinds_of_gates_together(challenger: dict[str, Any], expected: str) -> None:
    assert why(rolled_out(**challenger)).startswith(expected)


def test_a_mean_that_should_be_high_rolls_back_one_that_is_low() -> None:
    value = {"name": "value", "mean": LOSS["mean"] | {"better": "Higher"}}
    assert why(rolled_out(loss=0.2, gates=[value])).startswith("GateFailed")
    assert why(rolled_out(loss=2.0, gates=[value])).startswith("PromotionStarted")


def test_a_ramp_stays_at_its_first_weight_where_no_gate_counts_bad_requests() -> None:
    challenger = version_of(spec("churn:v2").model).hash

    def levels(*gates: Any) -> set[int]:
        world = rolled_out(gates=list(gates), strategy={"ramp": {"maxWeight": 50}})
        return {weights.get(challenger, 0) for weights in world.history} & set(LEVELS)

    assert levels(LOSS, CLASSES) == {1}
    assert levels(LOSS, CLASSES, ERRORS) > {1, 2, 5}


def test_every_decision_can_be_made_again_and_under_another_margin() -> None:
    world = rolled_out(loss=1.1, strategy={"steps": [{"weight": 50, "hold": "8m"}]})
    for record in world.records:
        assert Outcome.of(Record.from_json(record.to_json()).decide_again()) == record.outcome

    (rollout,) = rollouts(world.records)
    strict = spec(gates=[ERRORS, {"name": "stricter", "mean": LOSS["mean"] | {"tolerated": 0}}, CLASSES]).gates
    looks = list(decide_under(rollout, Changes(strict)))
    assert "GateFailed" not in [event.reason for record in rollout for event in record.outcome.events]
    assert "stricter failed" in looks[-1][1].events[0].message
