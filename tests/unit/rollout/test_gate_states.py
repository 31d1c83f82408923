"""States of gates as they come back from the API server, or from another time."""

import json
from typing import Any

import pytest
from hypothesis import given
from tests.unit.api.strategies import gates
from tests.unit.rollout.world import spec

from modelrollout.api.gate_status import GateStatus
from modelrollout.api.gates import Gate
from modelrollout.api.gates.drift import MOST_BUCKETS
from modelrollout.api.spec import Risk
from modelrollout.evidence.counts import ArmCounts, Block
from modelrollout.evidence.mean import ArmSum
from modelrollout.evidence.verdict import Verdict
from modelrollout.rollout.gate_set import gate_set
from modelrollout.rollout.gates.gate_test import GateTest
from modelrollout.rollout.judging import assess
from modelrollout.rollout.measurements import (
    Bucketed,
    BucketWindow,
    Counted,
    Datum,
    Evaluated,
    Measurement,
    Point,
    Summed,
    SumWindow,
    Window,
)
from modelrollout.rollout.pace import Pace

ERRORS = {"name": "gate", "errorRate": {"maxIncrease": "2%"}}
LOSS = {"name": "gate", "mean": {"sum": "loss_sum", "count": "loss_count", "maxDegradation": 0.1}}
CLASSES = {"name": "gate", "drift": {"counter": "p_total", "label": "class", "values": ["a", "b"]}}
QUERY = {"name": "gate", "query": {"expression": 'x{pod=~"{{pods}}"}', "max": 1, "failureLimit": 2}}
RESTARTS = {"name": "gate", "restarts": {}}
KINDS = [ERRORS, LOSS, CLASSES, QUERY]


def gate_test(gate: dict[str, Any]) -> GateTest:
    [test] = gate_set(spec(gates=[gate]).gates, Risk(), 1, 100).tests
    return test


def datum_of(gate: dict[str, Any], index: int = 1) -> Datum:
    if "drift" in gate:
        return BucketWindow(index, (50, 30, 20), (20, 40, 40))
    return {
        "errorRate": Window(index, Block(ArmCounts(100, 1), ArmCounts(100, 1))),
        "mean": SumWindow(index, ArmSum(100, 40.0), ArmSum(100, 40.0 + index % 3)),
        "query": Point(index, 0.0, 5.0),
    }[next(kind for kind in gate if kind != "name")]


def measured(gate: dict[str, Any], windows: range) -> Measurement:
    data = [datum_of(gate, index) for index in windows]
    through = windows[-1]
    if "errorRate" in gate:
        return Counted(tuple(datum for datum in data if isinstance(datum, Window)), through)
    if "mean" in gate:
        return Summed(tuple(datum for datum in data if isinstance(datum, SumWindow)), through)
    if "drift" in gate:
        return Bucketed(tuple(datum for datum in data if isinstance(datum, BucketWindow)), through)
    return Evaluated(tuple(datum for datum in data if isinstance(datum, Point)), through)


def judged(gate: dict[str, Any], windows: range, earlier: tuple[GateStatus, ...] = ()) -> GateStatus:
    """What the gate says after these windows, going on from an earlier status."""
    tests = gate_set(spec(gates=[gate]).gates, Risk(), 1, 100)
    measurements = {"gate": measured(gate, windows)}
    assessment = assess(tests, earlier, measurements, through=windows[0] - 1, data_expected_from=0, pace=Pace(10, 100))
    [status] = assessment.gates
    return status


def test_a_value_that_is_missing_survives_an_api_server_that_keeps_no_nulls() -> None:
    test = gate_test(QUERY)
    state = test.update(None, Point(1, None, None))
    stored = {key: value for key, value in state.items() if value is not None}
    assert test.judge(stored).verdict is Verdict.UNAVAILABLE
    assert test.update(stored, Point(2, None, 5.0))["bad"] == 1


@pytest.mark.parametrize("gate", KINDS)
def test_a_gate_goes_on_from_its_status(gate: dict[str, Any]) -> None:
    once = judged(gate, range(1, 3))
    assert once.state is not None
    assert judged(gate, range(3, 5), (once,)).state == judged(gate, range(1, 5)).state


@pytest.mark.parametrize("before", KINDS)
@pytest.mark.parametrize(
    "after",
    [
        {"name": "gate", "errorRate": {"maxIncrease": "2%", "codes": "4.."}},
        {"name": "gate", "mean": LOSS["mean"] | {"better": "Higher"}},
        {"name": "gate", "drift": CLASSES["drift"] | {"values": ["b", "a"]}},
        {"name": "gate", "drift": {"histogram": "score", "boundaries": [0.1, 0.9]}},
        {"name": "gate", "query": QUERY["query"] | {"passLimit": 3}},
    ],
)
def test_a_gate_that_was_edited_begins_anew(before: dict[str, Any], after: dict[str, Any]) -> None:
    assert judged(after, range(3, 5), (judged(before, range(1, 3)),)) == judged(after, range(3, 5))


def test_a_state_that_cannot_be_read_begins_anew() -> None:
    for gate in (ERRORS, LOSS, CLASSES):
        test = gate_test(gate)
        assert test.update({"evidence": "AAAA", "windows": 3}, datum_of(gate)) == test.update(None, datum_of(gate))


def test_the_state_of_as_many_buckets_as_allowed_takes_less_than_1_kib() -> None:
    values = [str(value) for value in range(MOST_BUCKETS)]
    test = gate_test({"name": "gate", "drift": {"counter": "p_total", "label": "class", "values": values}})
    counts = tuple(range(10**7, 10**7 + len(values) + 1))
    assert len(json.dumps(test.update(None, BucketWindow(1, counts, counts)))) < 1024


@given(gates)
def test_a_digest_is_of_what_the_manifest_says(gate: Gate) -> None:
    assert Gate.model_validate(gate.model_dump(mode="json")).digest == gate.digest
    assert gate.model_copy(update={"name": f"{gate.name}x"}).digest != gate.digest


def test_a_mean_is_shown_in_its_unit_and_drift_by_its_message() -> None:
    mean, drift = judged(LOSS, range(1, 4)), judged(CLASSES, range(1, 2))
    assert (mean.guarantee, mean.champion, mean.challenger, mean.requests) == ("Asymptotic", "0.4", "0.41", 300)
    assert (drift.guarantee, drift.champion, drift.challenger, drift.requests) == ("Assumed", None, None, 100)
    assert drift.message.startswith("undecided: 100 of about ")
    assert "20 % of the challenger's and 50 % of the champion's are in bucket a), about " in drift.message


@pytest.mark.parametrize(("kinds", "known"), [([ERRORS], True), ([LOSS], False), ([LOSS, ERRORS, CLASSES], True)])
def test_only_bad_requests_bound_what_more_weight_may_cost(kinds: list[dict[str, Any]], known: bool) -> None:
    named = [{**kind, "name": f"gate-{at}"} for at, kind in enumerate(kinds)]
    tests = gate_set(spec(gates=named).gates, Risk(), 1, 100)
    measurements = {gate["name"]: measured(gate, range(1, 50)) for gate in named}
    assessment = assess(tests, (), measurements, through=0, data_expected_from=0, pace=Pace())
    assert (assessment.gap_bound < 1) is known


def test_what_is_odd_about_a_measurement_is_said_where_every_gate_passes_too() -> None:
    tests = gate_set(spec(gates=[ERRORS]).gates, Risk(), 1, 100)
    clean = Block(ArmCounts(5000, 0), ArmCounts(5000, 0))
    windows = tuple(Window(index, clean) for index in range(1, 6))
    measurements = {"gate": Counted(windows, 5, "no answer so far had a status code that matches 5*")}
    assessment = assess(tests, (), measurements, through=0, data_expected_from=0, pace=Pace(10, 100))
    assert assessment.summary == (
        "every gate passes: gate 0 % against 0 % (no answer so far had a status code that matches 5*)"
    )
