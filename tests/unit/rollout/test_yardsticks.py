"""What a challenger is measured by: the champion, an improvement on it, or a fixed figure."""

import pytest
from tests.unit.rollout.world import World, spec


def gated(gate: dict[str, object], error_rate: float) -> World:
    """A rollout of a version with an error rate beside a champion with 5 %, judged by one gate."""
    world = World(error_rates={"churn:v1": 0.05, "churn:v2": error_rate}).run(30)
    world.apply(spec("churn:v2", gates=[{"name": "gate", **gate}]))
    return world.run(400)


LABELS = {"total": "outcomes_total", "bad": 'outcomes_total{correct="false"}'}
BETTER = {"minImprovement": "2%"}
BETTER_GATES = [{"errorRate": BETTER}, {"latency": {"threshold": "1s", **BETTER}}, {"share": {**LABELS, **BETTER}}]


@pytest.mark.parametrize("gate", BETTER_GATES)
def test_where_an_improvement_is_asked_for_only_a_better_challenger_is_promoted(gate: dict[str, object]) -> None:
    assert gated(gate, error_rate=0.01).share("churn:v2") == 100
    equal = gated(gate, error_rate=0.05)
    assert (equal.share("churn:v1"), equal.status.gates[0].verdict) == (50, "Undecided")
    assert gated(gate, error_rate=0.5).status.quarantine


@pytest.mark.parametrize(("error_rate", "share"), [(0.05, 100), (0.2, 0)])
def test_a_share_of_two_counters_is_judged_like_errors(error_rate: float, share: int) -> None:
    assert gated({"share": LABELS}, error_rate).share("churn:v2") == share


FIXED = {"baseline": {"fixed": {"labels": "8%"}}, "gates": [{"name": "labels", "share": LABELS}]}


@pytest.mark.parametrize("champion_rate", [0.0, 0.5])
@pytest.mark.parametrize(("error_rate", "share"), [(0.08, 100), (0.3, 0)])
def test_a_fixed_figure_counts_whatever_the_champion_does(champion_rate: float, error_rate: float, share: int) -> None:
    world = World(error_rates={"churn:v1": champion_rate, "churn:v2": error_rate}).run(30)
    world.apply(spec("churn:v2", **FIXED))
    world.run(120)
    gate, _ = world.status.gates
    assert (gate.champion, gate.compared_with) == ("8 %", "fixed 8 %")
    world.run(280)
    assert world.share("churn:v2") == share


def test_a_fixed_figure_needs_no_traffic_of_the_champion() -> None:
    world = World(error_rates={"churn:v2": 0.5}).run(30)
    steps = {"steps": [{"weight": 100}]}
    world.apply(spec("churn:v2", strategy=steps, **FIXED))
    world.run(120)
    assert [entry.bento for entry in world.status.quarantine] == ["churn:v2"]
    assert "the fixed figure is 8 %" in world.status.quarantine[0].message


def test_another_baseline_starts_the_tests_anew() -> None:
    world = World(error_rates={"churn:v1": 0.005, "churn:v2": 0.03}).run(30)
    world.apply(spec("churn:v2"))
    world.run(30)
    before = world.status.gates[0].requests
    world.apply(spec("churn:v2", baseline={"fixed": {"errors": "3%"}}))
    world.step()
    after = world.status.gates[0].requests
    assert before is not None
    assert after is not None
    assert 0 < after < before
