"""Figures that no pod can count, and gates whose judging fails, trouble nobody else and become no evidence."""

from dataclasses import replace
from math import inf, nan
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.rollout.world import World, spec

from modelrollout.api.gate_status import GateStatus
from modelrollout.api.spec import Risk
from modelrollout.evidence.combine import error_of_attempt
from modelrollout.evidence.counts import ArmCounts, Block
from modelrollout.evidence.mean import ArmSum
from modelrollout.evidence.verdict import Judgement
from modelrollout.rollout.gate_set import gate_set
from modelrollout.rollout.gates.gate_test import State
from modelrollout.rollout.gates.proportion import ProportionGateTest
from modelrollout.rollout.judging import Assessment, assess
from modelrollout.rollout.measurements import (
    Bucketed,
    BucketWindow,
    Counted,
    Evaluated,
    Measurement,
    NoData,
    Point,
    Summed,
    SumWindow,
    Window,
)
from modelrollout.rollout.pace import Pace
from modelrollout.rollout.plausibility import plausible

HUGE = 10**308
ERRORS = {"name": "errors", "errorRate": {"maxIncrease": "2%"}}
LOSS = {"name": "loss", "mean": {"sum": "loss_sum", "count": "loss_count", "maxDegradation": 0.1}}
CLASSES = {"name": "classes", "drift": {"counter": "p_total", "label": "class", "values": ["a", "b"]}}
QUERY = {"name": "queue", "query": {"expression": 'x{pod=~"{{pods}}"}', "max": 1, "failureLimit": 2}}
GATES = [ERRORS, LOSS, CLASSES, QUERY]
EVEN = Block(ArmCounts(1000, 10), ArmCounts(1000, 10))


def assessed(
    measurements: dict[str, Measurement], gates: list[dict[str, Any]] = GATES, earlier: tuple[GateStatus, ...] = ()
) -> Assessment:
    tests = gate_set(spec(gates=gates).gates, Risk(), 1, 100)
    return assess(tests, earlier, plausible(measurements), through=0, data_expected_from=0, pace=Pace(10, 0.1))


def verdicts(assessment: Assessment) -> dict[str, str]:
    return {gate.name: gate.verdict for gate in assessment.gates}


figures = st.sampled_from([nan, inf, -inf, 1e308, -1e308, 1e155, -1e155, 0.0, 1.0])
counts = st.sampled_from([0, 1, 100, 2**53, 2**60, HUGE, HUGE**2])
arms = st.tuples(counts, counts).map(lambda pair: ArmCounts(max(pair), min(pair)))
sums = st.builds(ArmSum, counts | st.just(-1), figures)
buckets = st.tuples(*[counts | st.just(-1)] * 3)


@given(st.lists(st.tuples(arms, arms, sums, sums, buckets, buckets, figures, figures), min_size=1, max_size=4))
def test_no_figure_keeps_gates_from_being_judged_or_rolls_anything_back(windows: list[tuple[Any, ...]]) -> None:
    numbered = list(enumerate(windows, 1))
    assessment = assessed(
        {
            "errors": Counted(tuple(Window(i, Block(w[0], w[0])) for i, w in numbered), len(windows)),
            "loss": Summed(tuple(SumWindow(i, w[2], w[3]) for i, w in numbered), len(windows)),
            "classes": Bucketed(tuple(BucketWindow(i, w[4], w[4]) for i, w in numbered), len(windows)),
            "queue": Evaluated(tuple(Point(i, w[6], min(w[7], 1.0)) for i, w in numbered), len(windows)),
        }
    )
    assert "Fail" not in verdicts(assessment).values()
    assert not assessment.failure


@pytest.mark.parametrize(
    ("gate", "measurement", "figure"),
    [
        (ERRORS, Counted((Window(1, Block(ArmCounts(HUGE, 0), ArmCounts(HUGE, HUGE))),), 1), "1e+308"),
        (LOSS, Summed((SumWindow(1, ArmSum(9, 1.0), ArmSum(9, 1e155)),), 1), "1e+155"),
        (LOSS, Summed((SumWindow(1, ArmSum(9, 1.0), ArmSum(9, nan)),), 1), "nan"),
        (LOSS, Summed((SumWindow(1, ArmSum(9, 1.0), ArmSum(-9, 1.0)),), 1), "-9"),
        (CLASSES, Bucketed((BucketWindow(1, (1, 2, 3), (-1, 2, 3)),), 1), "-1"),
        (CLASSES, Bucketed((BucketWindow(1, (1, 2, 3), (HUGE * HUGE, 2, 3)),), 1), "inf"),
    ],
)
def test_a_figure_that_cannot_be_makes_its_gate_unavailable_with_the_figure(
    gate: dict[str, Any], measurement: Measurement, figure: str
) -> None:
    [status] = assessed({gate["name"]: measurement}, [gate]).gates
    assert status.verdict == "Unavailable"
    assert status.message == f"unavailable: 1 scrape window is left out: {figure} is no figure that can be judged"


def test_windows_beside_absurd_ones_count_and_it_is_said_how_many_do_not() -> None:
    absurd = Block(ArmCounts(HUGE, 0), ArmCounts(HUGE, HUGE))
    [status] = assessed({"errors": Counted((Window(1, EVEN), Window(2, absurd), Window(3, EVEN)), 3)}, [ERRORS]).gates
    assert (status.verdict, status.requests) == ("Undecided", 2000)
    assert status.message.endswith("(1 scrape window is left out: 1e+308 is no figure that can be judged)")


def test_a_value_of_a_query_that_is_no_number_is_none() -> None:
    assert plausible({"queue": Evaluated((Point(1, nan, inf),), 1)}) == {"queue": Evaluated((Point(1, None, None),), 1)}


def test_a_gate_that_cannot_be_judged_is_unavailable_and_the_others_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OverflowError("secret=hunter2")

    monkeypatch.setattr(ProportionGateTest, "update", fail)
    classes = Bucketed((BucketWindow(1, (50, 30, 20), (50, 30, 20)),), 1)
    assessment = assessed({"errors": Counted((Window(1, EVEN),), 1), "classes": classes}, [ERRORS, CLASSES])
    [errors, drift] = assessment.gates
    assert (errors.verdict, drift.verdict, drift.requests) == ("Unavailable", "Undecided", 100)
    assert errors.message == "unavailable: scrape window 1 could not be judged (OverflowError)"
    assert (assessment.complete, assessment.through) == (False, 1)


def test_a_gate_that_fails_decides_though_another_cannot_be_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(ProportionGateTest, "judge", fail)
    points = tuple(Point(index, 0.0, 5.0) for index in (1, 2))
    assessment = assessed({"errors": Counted((Window(1, EVEN),), 1), "queue": Evaluated(points, 2)}, [ERRORS, QUERY])
    assert verdicts(assessment) == {"errors": "Unavailable", "queue": "Fail"}
    assert assessment.failure == "queue failed: 5 is above the limit of 1, 2 times in a row"


def test_a_state_that_means_nothing_makes_its_gate_begin_anew_or_unavailable() -> None:
    tests = gate_set(spec(gates=GATES).gates, Risk(), 1, 100).tests
    forged = tuple(
        GateStatus(name=test.name, verdict="Pass", message="", guarantee="Exact", state={"bad": "many", "windows": -1})
        for test in tests
    )
    assert "Fail" not in verdicts(assessed({}, earlier=forged)).values()


@pytest.mark.parametrize("margin", ["99%", "99.9999%"])
@pytest.mark.parametrize("bound", ["maxIncrease", "minImprovement"])
@pytest.mark.parametrize("error_rate", [0.0, 0.5, 1.0])
def test_margins_that_leave_next_to_nothing_to_prove_are_judged(margin: str, bound: str, error_rate: float) -> None:
    gates = [{"name": "errors", "errorRate": {bound: margin}}]
    world = World(spec(gates=gates)).run(60)
    world.error_rates["churn:v2"] = error_rate
    world.apply(spec("churn:v2", gates=gates))
    world.run(120)
    assert all(gate.verdict != "Unavailable" for gate in world.status.gates)


@pytest.mark.parametrize("attempt", [465, 466, 10_000])
def test_the_hundredth_attempt_is_judged_too(attempt: int) -> None:
    assert 0 < error_of_attempt(0.01, attempt) <= error_of_attempt(0.01, attempt - 1)
    gates = spec(gates=GATES).gates
    tests = gate_set(gates, Risk(), attempt, 100)
    measured: dict[str, Measurement] = {"errors": Counted((Window(1, EVEN),), 1)}
    assessment = assess(tests, (), measured, through=0, data_expected_from=2, pace=Pace(10, 0.1))
    assert verdicts(assessment)["errors"] == "Undecided"


def test_nothing_is_expected_before_it_is_known_how_fast_requests_come() -> None:
    few = Block(ArmCounts(900, 0), ArmCounts(9, 0))
    [status] = assessed({"errors": Counted((Window(1, few),), 1)}, [ERRORS]).gates
    assert "at the present weight" not in status.message
    [status] = assessed({"errors": Counted((Window(1, few), Window(2, few)), 2)}, [ERRORS]).gates
    assert "at the present weight" in status.message


def test_no_absurd_window_is_learnt_from_before_a_rollout() -> None:
    huge = Counted((Window(1, Block(ArmCounts(HUGE, 0), ArmCounts(HUGE, 0))),), 1)
    assert isinstance(plausible({"errors": huge})["errors"], NoData)


@pytest.mark.parametrize("evidence", [inf, nan])
def test_evidence_that_no_data_can_give_is_none(evidence: float, monkeypatch: pytest.MonkeyPatch) -> None:
    judge = ProportionGateTest.judge

    def overflow(test: ProportionGateTest, state: State | None) -> Judgement:
        return replace(judge(test, state), log_e_rollback=evidence if state else 0.0)

    monkeypatch.setattr(ProportionGateTest, "judge", overflow)
    assessment = assessed({"errors": Counted((Window(1, EVEN),), 1)}, [ERRORS])
    assert (assessment.gates[0].verdict, assessment.failure, assessment.suspicion) == ("Unavailable", "", "")
