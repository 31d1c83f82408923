"""What a part of the pods counted may speak against a challenger, never for it."""

import pytest
from tests.unit.rollout.world import spec

from modelrollout.api.spec import Risk
from modelrollout.evidence.counts import ArmCounts, Block
from modelrollout.rollout.gate_set import gate_set
from modelrollout.rollout.judging import assess
from modelrollout.rollout.measurements import Counted, Window
from modelrollout.rollout.pace import Pace

UNSCRAPED = "1 of 10 challenger pods is not scraped (churn-b-7): Prometheus' page of targets tells why"


@pytest.mark.parametrize(
    ("challenger", "incomplete", "verdict"),
    [
        (ArmCounts(2000, 2), "", "Pass"),
        (ArmCounts(2000, 2), UNSCRAPED, "Unavailable"),
        (ArmCounts(2000, 900), UNSCRAPED, "Fail"),
    ],
)
def test_a_gate_that_misses_pods_can_fail_but_not_pass(challenger: ArmCounts, incomplete: str, verdict: str) -> None:
    tests = gate_set(spec(gates=[{"name": "errors", "errorRate": {"maxIncrease": "2%"}}]).gates, Risk(), 1, 100)
    windows = tuple(Window(index, Block(ArmCounts(2000, 2), challenger)) for index in range(1, 41))

    assessment = assess(
        tests,
        (),
        {"errors": Counted(windows, 40, incomplete=incomplete)},
        through=0,
        data_expected_from=0,
        pace=Pace(10, 0.1),
    )

    [gate] = assessment.gates
    assert gate.verdict == verdict
    assert assessment.complete is not bool(incomplete)
    assert verdict != "Unavailable" or incomplete in gate.message
