"""A simple service beside a rollout, that the challenger has to beat."""

from hypothesis import given
from hypothesis import strategies as st
from tests.unit.rollout.world import World, spec

SERVICE = {"bento": "majority:v1", "image": "registry.example/majority:v1"}
BASELINE = {"baseline": {"service": SERVICE}}


def rolling_out(gate: dict[str, object] | None = None, **changes: object) -> World:
    world = World(**changes)  # type: ignore[arg-type]
    world.run(30)
    gates = [{"name": "errors", "errorRate": gate or {"maxIncrease": "2%"}}]
    world.apply(spec("churn:v2", gates=gates, **BASELINE))
    return world


def deployed(world: World) -> set[str]:
    return {world.bentos[key] for key in world.pods}


def test_the_baseline_serves_its_share_during_a_rollout_and_its_watch_and_goes_afterwards() -> None:
    world = rolling_out()
    while world.share("churn:v2") != 10:
        world.step()
    world.step()
    assert (world.share("churn:v1"), world.share("majority:v1")) == (85, 5)
    while "Promoted" not in world.reasons():
        world.step()
    world.run(15)
    assert [world.share(bento) for bento in ("churn:v2", "churn:v1", "majority:v1")] == [90, 5, 5]
    world.run(300)
    assert deployed(world) == {"churn:v2"}
    assert (world.share("churn:v2"), world.status.baseline) == (100, None)
    assert world.condition("Ready") == "True"
    assert [reason for reason in world.reasons() if "Baseline" in reason] == ["BaselineDeploying", "BaselineRetired"]


def test_the_challenger_is_compared_with_the_baseline_and_not_with_the_champion() -> None:
    rates = {"churn:v1": 0.0, "churn:v2": 0.2, "majority:v1": 0.2}
    world = rolling_out({"maxIncrease": "10%"}, error_rates=rates).run(120)
    assert world.status.gates[0].compared_with == "baseline majority:v1"
    world.run(600)
    assert world.share("churn:v2") == 100


def test_a_challenger_that_is_worse_than_the_baseline_is_rolled_back_and_both_are_removed() -> None:
    world = rolling_out(error_rates={"churn:v1": 0.5, "churn:v2": 0.5, "majority:v1": 0.1}).run(200)
    assert deployed(world) == {"churn:v1"}
    assert "is worse than the baseline" in world.status.quarantine[0].message
    assert "of the baseline's" in world.status.quarantine[0].message


def test_a_model_can_be_asked_to_beat_the_baseline() -> None:
    gate = {"minImprovement": "5%"}
    better = rolling_out(gate, error_rates={"majority:v1": 0.2, "churn:v2": 0.05}).run(600)
    assert better.share("churn:v2") == 100
    equal = rolling_out(gate, error_rates={"majority:v1": 0.2, "churn:v2": 0.2}).run(600)
    assert equal.share("churn:v2") == 50


def test_a_baseline_that_never_gets_ready_holds_the_rollout_and_says_so() -> None:
    world = rolling_out(starts={"majority:v1": None})
    deadlines = {
        "steps": [{"weight": 10}],
        "deadline": {"after": "60s", "action": "Rollback"},
        "metricsDeadline": {"after": "60s", "action": "Rollback"},
    }
    serving = {"progressDeadline": "120s"}
    world.apply(spec("churn:v2", strategy=deadlines, serving=serving, **BASELINE))
    world.run(60)
    assert (world.reason("Reconciling"), world.share("churn:v2")) == ("BaselineNotReady", 0)
    assert "baseline majority:v1 has no ready pods: CrashLoopBackOff" in world.status.verdict
    world.run(600)
    assert (world.reason("Stalled"), world.share("churn:v1")) == ("BaselineNotReady", 100)
    assert world.status.quarantine == ()


def test_a_baseline_that_is_lost_during_the_ramp_holds_it_however_long() -> None:
    world = rolling_out().run(25)
    world.starts["majority:v1"] = None
    world.run(300)
    assert (world.share("churn:v2"), world.share("majority:v1")) == (10, 0)
    assert world.reason("Ready") == "BaselineNotReady"
    world.starts["majority:v1"] = 0
    world.run(600)
    assert world.share("churn:v2") == 100


def test_a_champion_that_is_the_baseline_is_not_deployed_twice() -> None:
    world = World(spec=spec("majority:v1")).run(30)
    world.apply(spec("churn:v2", **BASELINE))
    world.run(40)
    assert world.status.baseline is None
    assert world.status.gates[0].compared_with == "champion majority:v1"
    assert deployed(world) == {"majority:v1", "churn:v2"}


def test_a_baseline_can_be_taken_away_or_become_the_challenger() -> None:
    world = rolling_out().run(40)
    world.apply(spec("churn:v2"))
    world.step()
    assert world.status.baseline is None
    world.apply(spec("majority:v1"))
    world.run(600)
    assert deployed(world) == {"majority:v1"}
    assert world.share("majority:v1") == 100


@given(st.lists(st.sampled_from(["none", "before the status is written", "between status and effects"]), max_size=40))
def test_wherever_the_operator_dies_the_baseline_comes_and_goes_once(crashes: list[str]) -> None:
    world = rolling_out()
    for crash in crashes:
        world.step(crash)
    world.run(700)
    assert deployed(world) == {"churn:v2"}
    assert [reason for reason in world.reasons() if "Baseline" in reason] == ["BaselineDeploying", "BaselineRetired"]
