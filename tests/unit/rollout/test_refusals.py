"""A challenger that refuses with a 4xx code what the champion answers does not pass the gate on errors."""

import pytest
from tests.unit.rollout.world import spec

from modelrollout.api.gate_status import GateStatus
from modelrollout.api.spec import Risk
from modelrollout.evidence.counts import ArmCounts, Block
from modelrollout.rollout.gate_set import gate_set
from modelrollout.rollout.judging import Assessment, assess
from modelrollout.rollout.measurements import Counted, Window
from modelrollout.rollout.pace import Pace

CLEAN = Block(ArmCounts(900, 0), ArmCounts(100, 0))


def judged(
    champion: int, challenger: int, windows: int = 40, figures: dict[str, float] | None = None, **kind: str
) -> Assessment:
    """After so many windows in which so many of 100 answers of each version had a 4xx code."""
    gates = spec(gates=[{"name": "errors", "errorRate": {"maxIncrease": "2%", **kind}}]).gates
    tests = gate_set(gates, Risk(), 1, 100, figures=figures or {})
    refusals = Block(ArmCounts(900, 9 * champion), ArmCounts(100, challenger))
    earlier: tuple[GateStatus, ...] = ()
    for index in range(1, windows + 1):
        measured = {"errors": Counted((Window(index, CLEAN, refusals),), index)}
        assessment = assess(tests, earlier, measured, through=index - 1, data_expected_from=0, pace=Pace(100, 0.1))
        earlier = assessment.gates
    return assessment


@pytest.mark.parametrize(
    ("champion", "challenger", "verdict"),
    [(0, 0, "Pass"), (2, 2, "Pass"), (30, 30, "Pass"), (2, 100, "Fail"), (0, 10, "Fail")],
)
def test_a_rise_of_4xx_against_the_champion_at_the_same_time_is_seen(
    champion: int, challenger: int, verdict: str
) -> None:
    assert judged(champion, challenger).gates[0].verdict == verdict


def test_a_challenger_that_answers_everything_with_400_is_taken_back_for_that() -> None:
    failure = judged(1, 100, windows=5).failure
    assert failure.startswith("errors 4xx answers failed: 100 % of the challenger's answers are bad, 1 % of the")


def test_it_takes_some_requests_to_know_that_a_challenger_refuses_no_more() -> None:
    [gate] = judged(10, 10, windows=2, maxIncrease="20%").gates
    assert gate.verdict == "Undecided"


def test_more_refusals_may_be_allowed() -> None:
    assert judged(2, 4, maxClientErrorIncrease="50%").gates[0].verdict == "Pass"


def test_a_fixed_figure_is_one_of_errors_and_says_nothing_about_refusals() -> None:
    assert judged(0, 100, figures={"errors": 0.01}).gates[0].verdict == "Pass"


def test_what_was_recorded_before_refusals_were_counted_is_judged_by_errors_alone() -> None:
    tests = gate_set(spec().gates, Risk(), 1, 100)
    windows = tuple(Window(index, CLEAN) for index in range(1, 41))
    [gate] = assess(
        tests, (), {"errors": Counted(windows, 40)}, through=0, data_expected_from=0, pace=Pace(100, 0.1)
    ).gates
    assert gate.verdict == "Pass"
