"""What is told of the gates: one entry of the status for each, and one line for all."""

from collections.abc import Mapping, Sequence
from math import isfinite

from modelrollout.api.gate_status import GateStatus
from modelrollout.evidence.verdict import Guarantee, Judgement, Verdict, eta_seconds
from modelrollout.rollout.durations import readable
from modelrollout.rollout.gates.gate_test import GateTest
from modelrollout.rollout.gates.isolated import IsolatedTest
from modelrollout.rollout.pace import Pace

# The challenger's, before which it is too early to say how fast they come.
LEAST_REQUESTS_FOR_A_RATE = 10
# What a gate that decides nothing would have done.
ROLL_BACK = "RollBack"
_WOULD = {Verdict.PASS: "Pass", Verdict.FAIL: ROLL_BACK}


def gate_status(gate: IsolatedTest, judgement: Judgement, note: str, pace: Pace, *, observed: bool) -> GateStatus:
    """The entry of one gate. note: on what was measured. observed: whether the gate decides nothing."""
    test = gate.test
    counted = judgement.guarantee is not Guarantee.THRESHOLD
    message = judgement.message
    if counted and judgement.verdict is Verdict.UNDECIDED:
        message += _expectation(judgement, pace)
    return GateStatus(
        name=test.name,
        verdict=judgement.verdict,
        message=("only observed: " if observed else "") + message + _in_brackets(note),
        guarantee=judgement.guarantee,
        would=_WOULD.get(judgement.verdict, "Hold") if observed else None,
        digest=test.digest,
        compared_with=test.compared_with,
        champion=_figure(test, judgement.champion_rate),
        challenger=_figure(test, judgement.challenger_rate),
        requests=judgement.requests_seen if counted else None,
        state=dict(gate.state) if gate.state else None,
    )


def _expectation(judgement: Judgement, pace: Pace) -> str:
    """What is waited for, and when a decision can be expected if enough requests have come to tell."""
    waits = f", waiting {readable(pace.seconds_unsettled)} for late answers" if pace.seconds_unsettled else ""
    eta = eta_seconds(judgement.requests_missing, pace.challenger_rate) + pace.seconds_unsettled
    if judgement.requests_seen < LEAST_REQUESTS_FOR_A_RATE or not isfinite(eta):
        return waits
    late = ", which is after the deadline" if eta > pace.seconds_left else ""
    return f"{waits}, about {readable(eta)} at the present weight{late}"


def _figure(test: GateTest, figure: float | None) -> str | None:
    return None if figure is None else test.figure_text(figure)


def summary(gates: Sequence[GateStatus], notes: Mapping[str, str]) -> str:
    """What the gates that decide say together, in one line. notes: on what was measured, by gate."""
    deciding = [gate for gate in gates if gate.would is None]
    for verdict in (Verdict.UNAVAILABLE, Verdict.UNDECIDED):
        waiting = [f"{gate.name} {gate.message}" for gate in deciding if gate.verdict == verdict]
        if waiting:
            return "; ".join(waiting)
    passed = [f"{gate.name} {_comparison(gate)}{_in_brackets(notes.get(gate.name, ''))}" for gate in deciding]
    return f"every gate passes: {'; '.join(passed)}"


def _comparison(gate: GateStatus) -> str:
    return f"{gate.challenger} against {gate.champion}" if gate.challenger else gate.message


def _in_brackets(note: str) -> str:
    return f" ({note})" if note else ""
