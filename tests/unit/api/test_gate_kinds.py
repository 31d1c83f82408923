"""Each kind of gate is known wherever something has to be done with it."""

from typing import get_args

import pytest
from hypothesis import given
from tests.unit.api.strategies import gates

from modelrollout.api.gates import Gate, GateKind
from modelrollout.api.gates.gate import member_of
from modelrollout.api.gates.kind import Kind
from modelrollout.api.gates.proportion import ProportionGate
from modelrollout.metrics.gates import MEASURES
from modelrollout.offline.plan import BAD_REQUESTS
from modelrollout.rollout.gates import GATE_TESTS

KINDS: tuple[type[Kind], ...] = get_args(GateKind)


def test_every_kind_is_judged_and_measured_and_no_other() -> None:
    assert set(GATE_TESTS) == set(KINDS)
    assert set(MEASURES) == {kind for kind in KINDS if not kind.seen_at_pods}


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_is_the_member_of_a_gate_that_bears_its_name(kind: type[Kind]) -> None:
    fields = {field.alias: field.annotation for field in Gate.model_fields.values()}
    assert fields[member_of(kind)] == kind | None


@given(gates)
def test_a_gate_is_of_the_kind_that_is_set(gate: Gate) -> None:
    assert {gate.name, *gate.manifest()} >= {gate.member, gate.name}
    assert getattr(gate, "error_rate" if gate.member == "errorRate" else gate.member) is gate.kind


@given(gates)
def test_requests_tell_when_there_is_a_verdict_or_it_is_said_why_not(gate: Gate) -> None:
    assert bool(gate.kind.why_not_planned) == (gate.proportion is None)


def test_every_share_of_bad_requests_can_be_assumed_by_plan() -> None:
    assert set(BAD_REQUESTS) == {kind for kind in KINDS if issubclass(kind, ProportionGate)}
