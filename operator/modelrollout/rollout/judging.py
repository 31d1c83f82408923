"""From measurements to verdicts: every gate's test goes on, window by window, and all gates are weighed together."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import isfinite, log

from modelrollout.api.status import GateStatus
from modelrollout.evidence.combine import combine
from modelrollout.evidence.sequential import SETTLED, Settled
from modelrollout.evidence.verdict import (
    Guarantee,
    Judgement,
    Verdict,
    eta_seconds,
    unavailable,
)
from modelrollout.rollout.durations import readable
from modelrollout.rollout.gate_set import GateSet
from modelrollout.rollout.gates.gate_test import GateTest, State
from modelrollout.rollout.gates.isolated import IsolatedTest
from modelrollout.rollout.measurements import (
    BadQuery,
    Datum,
    Evaluated,
    Measurement,
    NoData,
    SourceDown,
    Windowed,
)
from modelrollout.rollout.pace import Pace

# Part of the evidence for a rollback, on the logarithmic scale, from which the challenger gets no more traffic.
SUSPICION = 1 / 3
# The challenger's, before which it is too early to say how fast they come.
LEAST_REQUESTS_FOR_A_RATE = 10


@dataclass(frozen=True, slots=True)
class Assessment:
    """What all gates say together after the windows seen so far.

    gates: one entry per gate, in the manifest's order, with the state of its test.
    through: index of the last window counted.
    suspicion: what speaks against more traffic for the challenger, short of a rollback; empty if nothing does.
    failure: what is wrong with the challenger; empty unless it must be rolled back.
    complete: whether every gate has data. A gate without is unavailable, unless it is too early to expect any.
    gap_bound: upper confidence bound of the worst gate's excess of bad requests, as a fraction of the requests; 1 where
        no gate counts bad requests.
    requests_judged: the challenger's requests that counted for a promotion, by the gate that counts most of them.
    traffic: requests per second of all versions together; None while it is not known.
    gross: what looks so bad in the last minute that the challenger should have less traffic; empty if nothing does.
    near: whether the last window counted looked so, and one more like it decides.
    settled: for what the last window counted.
    summary: one line for a person.
    reference_rates: what the gates, by name, count of that which the challenger is compared with: a share, or a mean.
    """

    gates: tuple[GateStatus, ...]
    through: int
    failure: str
    suspicion: str
    all_pass: bool
    complete: bool
    unavailable: bool
    gap_bound: float
    requests_judged: int
    traffic: float | None
    summary: str
    gross: str = ""
    near: bool = False
    settled: Settled = SETTLED
    reference_rates: Mapping[str, float] = field(default_factory=dict)


def assess(
    gate_set: GateSet,
    earlier: Sequence[GateStatus],
    measurements: Mapping[str, Measurement],
    *,
    through: int,
    data_expected_from: int,
    pace: Pace,
    settled: Callable[[int], Settled] = lambda index: SETTLED,
    windows_per_minute: int = 4,
) -> Assessment:
    """Go on from `earlier`, which stands at window `through`, with what was measured since.

    The gates advance together, window by window, and stop at the first window that decides a rollback, so that looking
    late gives the decision that looking in time would have given. If the source is down for one gate no gate advances:
    the windows are judged when all of them can be read.

    data_expected_from: window up to which pods may not have been scraped yet. settled: for what a window, by its index,
        may count. windows_per_minute: as in `gate_set`.
    """
    gates = {test.name: IsolatedTest.resumed(test, _state_of(test, earlier)) for test in gate_set.tests}
    missing = {name: m for name in gates if isinstance(m := measurements.get(name), SourceDown | NoData | BadQuery)}
    source_down = any(isinstance(measurements.get(name), SourceDown) for name in gates)
    if not source_down:
        for index, data in _by_window(gates, measurements):
            gates |= {name: gates[name].updated(datum, settled(index)) for name, datum in data.items()}
            through = max(through, index)
            if _failure(gates, gate_set.alpha):
                break
        else:
            through = max(
                [
                    through,
                    *(m.through for m in measurements.values() if not isinstance(m, SourceDown | BadQuery)),
                ]
            )
    absent = {name: _absence(measurement, data_expected_from) for name, measurement in missing.items()}
    troubled = {name: unavailable(f"unavailable: {gate.trouble}") for name, gate in gates.items() if gate.trouble}
    absent |= {name: unavailable(f"unavailable: {why}") for name, why in _incomplete(measurements).items()}
    notes = {name: m.note for name, m in measurements.items() if isinstance(m, Windowed)}
    assessment = _assessment(gates, gate_set.alpha, {**troubled, **absent}, notes, through, pace)
    gross = [name for name, gate in gates.items() if (gate.gross or 0) > through - windows_per_minute]
    messages = {gate.name: gate.message for gate in assessment.gates}
    return replace(
        assessment,
        gross="; ".join(f"{name} {messages[name]}" for name in gross),
        near=any(gate.near == through for gate in gates.values()),
        settled=settled(through),
    )


def _state_of(test: GateTest, earlier: Sequence[GateStatus]) -> State | None:
    """Where the test stands; None if it begins, also because the gate was edited or compares with something else."""
    gate = next((gate for gate in earlier if gate.name == test.name), None)
    if gate is None or gate.digest not in (None, test.digest):
        return None
    return gate.state if gate.compared_with in (None, test.compared_with) else None


def _by_window(
    names: Iterable[str], measurements: Mapping[str, Measurement]
) -> Iterator[tuple[int, Mapping[str, Datum]]]:
    windows: dict[int, dict[str, Datum]] = {}
    for name in names:
        for datum in _data(measurements.get(name)):
            windows.setdefault(datum.index, {})[name] = datum
    for index in sorted(windows):
        yield index, windows[index]


def _data(measurement: Measurement | None) -> Sequence[Datum]:
    if isinstance(measurement, Windowed):
        return measurement.windows
    return measurement.points if isinstance(measurement, Evaluated) else ()


def _incomplete(measurements: Mapping[str, Measurement]) -> Mapping[str, str]:
    """Why what is counted cannot speak for the challenger, by gate: the pod that nobody counts may be the bad one."""
    return {name: m.incomplete for name, m in measurements.items() if isinstance(m, Windowed) and m.incomplete}


def _absence(measurement: SourceDown | NoData | BadQuery, data_expected_from: int) -> Judgement:
    if isinstance(measurement, NoData) and measurement.through < data_expected_from:
        return replace(unavailable("undecided: the first scrapes are still to come"), verdict=Verdict.UNDECIDED)
    refused = "the query is refused: " if isinstance(measurement, BadQuery) else ""
    return unavailable(f"unavailable: {refused}{measurement.message}")


def _failure(gates: Mapping[str, IsolatedTest], alpha: float) -> str:
    """The evidence that decides a rollback, or nothing. Unavailable data never undoes or makes a failure."""
    failed = [f"{name} {gate.judgement.message}" for name, gate in gates.items() if _is_failed(gate)]
    if failed:
        return "; ".join(failed)
    judgements = {name: gate.judgement for name, gate in gates.items() if _is_counted(gate)}
    decision = combine(judgements, alpha) if judgements else None
    return decision.message if decision and decision.verdict is Verdict.FAIL else ""


def _is_failed(gate: IsolatedTest) -> bool:
    return gate.judgement.verdict is Verdict.FAIL


def _is_counted(gate: IsolatedTest) -> bool:
    return gate.judgement.guarantee is not Guarantee.THRESHOLD


def _assessment(
    tests: Mapping[str, IsolatedTest],
    alpha: float,
    absent: Mapping[str, Judgement],
    notes: Mapping[str, str],
    through: int,
    pace: Pace,
) -> Assessment:
    failure = _failure(tests, alpha)
    judgements = {
        name: replace(absent[name], guarantee=gate.test.guarantee)
        if name in absent and not _is_failed(gate)
        else gate.judgement
        for name, gate in tests.items()
    }
    counted = [j for j in judgements.values() if j.guarantee is not Guarantee.THRESHOLD]
    requests_seen = max((judgement.requests_seen for judgement in counted), default=0)
    gates = tuple(
        _gate_status(
            tests[name],
            judgement,
            notes.get(name, ""),
            # Not every request has a label that some gate waits for.
            pace.for_part(judgement.requests_seen / requests_seen if requests_seen else 0.0),
        )
        for name, judgement in judgements.items()
    )
    return Assessment(
        gates=gates,
        through=through,
        failure=failure,
        suspicion="; ".join(
            f"{name} {judgement.message}"
            for name, judgement in judgements.items()
            if judgement.log_e_rollback > -SUSPICION * log(alpha)
        ),
        all_pass=bool(gates) and all(j.verdict is Verdict.PASS for j in judgements.values()),
        complete=not absent,
        unavailable=any(j.verdict is Verdict.UNAVAILABLE for j in judgements.values()),
        gap_bound=max((j.gap_bound for j in counted if j.gap_bound is not None), default=1.0),
        requests_judged=max((j.requests_seen - j.requests_unsettled for j in counted), default=0),
        traffic=pace.traffic,
        summary=failure or _summary(gates, notes),
        reference_rates={
            name: judgement.champion_rate
            for name, judgement in judgements.items()
            if judgement.champion_rate is not None
        },
    )


def _gate_status(gate: IsolatedTest, judgement: Judgement, note: str, pace: Pace) -> GateStatus:
    test = gate.test
    counted = judgement.guarantee is not Guarantee.THRESHOLD
    message = judgement.message
    if counted and judgement.verdict is Verdict.UNDECIDED:
        message += _expectation(judgement, pace)
    return GateStatus(
        name=test.name,
        verdict=judgement.verdict,
        message=message + _in_brackets(note),
        guarantee=judgement.guarantee,
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


def _summary(gates: Sequence[GateStatus], notes: Mapping[str, str]) -> str:
    for verdict in (Verdict.UNAVAILABLE, Verdict.UNDECIDED):
        waiting = [f"{gate.name} {gate.message}" for gate in gates if gate.verdict == verdict]
        if waiting:
            return "; ".join(waiting)
    passed = [f"{gate.name} {_comparison(gate)}{_in_brackets(notes.get(gate.name, ''))}" for gate in gates]
    return f"every gate passes: {'; '.join(passed)}"


def _comparison(gate: GateStatus) -> str:
    return f"{gate.challenger} against {gate.champion}" if gate.challenger else gate.message


def _in_brackets(note: str) -> str:
    return f" ({note})" if note else ""
