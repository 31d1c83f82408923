"""What becomes of a rollout that is still undecided at its deadline, or that has no metrics for too long."""

import pytest
from tests.unit.rollout.world import World, spec

from modelrollout.rollout.plan import EventType


def undecided_at_its_deadline(action: str) -> World:
    """churn:v2 has half of the traffic, which was too little for a decision until now."""
    strategy = {
        "steps": [{"weight": 10, "hold": "40s"}, {"weight": 50, "hold": "10s"}],
        "deadline": {"after": "60s", "action": action},
        "holdBack": {"for": "0s"},
    }
    world = World(requests_per_second=1.0).run(30)
    world.apply(spec("churn:v2", strategy=strategy))
    world.run(120)
    world.requests_per_second = 2000.0
    return world


@pytest.mark.parametrize(
    ("action", "reason"), [("Hold", "DeadlineExceeded"), ("Ask", "DecisionNeeded"), ("Rollback", "RolledBack")]
)
def test_an_undecided_rollout_is_dealt_with_at_its_deadline_as_the_manifest_says(action: str, reason: str) -> None:
    world = undecided_at_its_deadline(action)
    assert world.reason("Stalled") == reason
    announced = [event.reason for event in world.events if event.type is EventType.WARNING]
    assert announced == ["DeadlineExceeded" if action == "Rollback" else reason]


@pytest.mark.parametrize(("action", "share"), [("Hold", 100), ("Ask", 50)])
def test_a_proof_that_comes_after_the_deadline_promotes_unless_people_are_to_be_asked(action: str, share: int) -> None:
    world = undecided_at_its_deadline(action).run(600)
    assert world.share("churn:v2") == share


@pytest.mark.parametrize("action", ["Hold", "Ask"])
def test_a_challenger_that_fails_after_the_deadline_is_rolled_back(action: str) -> None:
    world = undecided_at_its_deadline(action)
    world.error_rates["churn:v2"] = 0.5
    world.run(5)
    assert world.share("churn:v2") <= 1
    world.run(120)
    assert (world.share("churn:v2"), world.reason("Stalled")) == (0, "RolledBack")


@pytest.mark.parametrize("action", ["Hold", "Ask"])
def test_an_approval_after_the_deadline_gives_the_rollout_as_much_time_again(action: str) -> None:
    world = undecided_at_its_deadline(action)
    world.requests_per_second = 1.0
    world.commands["approve"] = "ann"
    world.run(50)
    assert world.reason("Stalled") is None
    world.run(20)
    assert world.reason("Stalled") is not None
    assert world.reasons().count("DeadlineExtended") == 1


@pytest.mark.parametrize(("command", "share"), [("promote", 100), ("abort", 0)])
def test_people_who_are_asked_at_the_deadline_decide(command: str, share: int) -> None:
    world = undecided_at_its_deadline("Ask")
    world.commands[command] = "ann"
    world.run(60)
    assert world.share("churn:v2") == share


def test_no_weight_is_raised_after_the_deadline_until_somebody_approves() -> None:
    world = World().run(30)
    strategy = {
        "steps": [{"weight": 10, "approval": True}, {"weight": 50, "hold": "50s"}],
        "deadline": {"after": "60s"},
    }
    world.apply(spec("churn:v2", strategy=strategy))
    world.run(200)
    assert (world.share("churn:v2"), world.reason("Stalled")) == (10, "DeadlineExceeded")
    world.commands["approve"] = "ann"
    world.run(20)
    assert world.share("churn:v2") == 50


@pytest.mark.parametrize(
    ("action", "reason"), [("Hold", "MetricsDeadlineExceeded"), ("Ask", "DecisionNeeded"), ("Rollback", "RolledBack")]
)
def test_metrics_that_stay_away_are_dealt_with_as_the_manifest_says(action: str, reason: str) -> None:
    world = World().run(30)
    strategy = {"steps": [{"weight": 10, "hold": "5m"}], "metricsDeadline": {"after": "60s", "action": action}}
    world.apply(spec("churn:v2", strategy=strategy))
    world.run(40)
    world.prometheus = "down"
    world.run(90)
    assert world.reason("Stalled") == reason
    world.prometheus = "up"
    world.run(10)
    assert (world.reason("Stalled") is None) is (action != "Rollback")
