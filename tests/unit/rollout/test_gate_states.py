"""States of gates as they come back from the API server, or from another time."""

from typing import Any

import pytest
from tests.unit.rollout.world import spec

from modelrollout.api.spec import Risk
from modelrollout.evidence.counts import ArmCounts, Block
from modelrollout.evidence.verdict import Verdict
from modelrollout.rollout.gate_tests import GateTest, gate_set
from modelrollout.rollout.measurements import Point

ERRORS = {"name": "gate", "errorRate": {"maxIncrease": "2%"}}
QUERY = {"name": "gate", "query": {"expression": 'x{pod=~"{{pods}}"}', "max": 1, "failureLimit": 2}}
BLOCK = Block(ArmCounts(100, 1), ArmCounts(100, 1))


def gate_test(gate: dict[str, Any]) -> GateTest:
    [test] = gate_set(spec(gates=[gate]).gates, Risk(), 1, 100).tests
    return test


def test_a_value_that_is_missing_survives_an_api_server_that_keeps_no_nulls() -> None:
    test = gate_test(QUERY)
    state = test.update(None, Point(1, None, None))
    stored = {key: value for key, value in state.items() if value is not None}
    assert test.judge(stored).verdict is Verdict.UNAVAILABLE
    assert test.update(stored, Point(2, None, 5.0))["bad"] == 1


@pytest.mark.parametrize(("before", "after"), [(ERRORS, QUERY), (QUERY, ERRORS)])
def test_a_gate_whose_kind_was_edited_begins_anew(before: dict[str, Any], after: dict[str, Any]) -> None:
    data = {"errorRate": BLOCK, "query": Point(1, 0.0, 5.0)}
    old, new = gate_test(before), gate_test(after)
    state = old.update(None, data[next(key for key in before if key in data)])
    datum = data[next(key for key in after if key in data)]
    assert new.update(state, datum) == new.update(None, datum)


def test_a_state_that_cannot_be_read_begins_anew() -> None:
    test = gate_test(ERRORS)
    assert test.update({"evidence": "AAAA", "windows": 3}, BLOCK) == test.update(None, BLOCK)
