"""From measurements to verdicts: every gate's test goes on, window by window, and all gates are weighed together."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import log
from types import MappingProxyType

from modelrollout.api.gate_status import GateStatus
from modelrollout.evidence.combine import combine
from modelrollout.evidence.sequential import SETTLED, Settled
from modelrollout.evidence.verdict import (
    Guarantee,
    Judgement,
    Verdict,
    unavailable,
)
from modelrollout.rollout.gate_report import gate_status, summary
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
_NOTHING_SEEN: Mapping[str, Datum] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Assessment:
    """What all gates that decide say together after the windows seen so far.

    gates: one entry per gate, in the manifest's order, with the state of its test; those that are only observed too.
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
    seen: Mapping[str, Datum] = _NOTHING_SEEN,
) -> Assessment:
    """Go on from `earlier`, which stands at window `through`, with what was measured since.

    The gates advance together, window by window, and stop at the first window that decides a rollback, so that looking
    late gives the decision that looking in time would have given. If the source is down for one gate no gate advances:
    the windows are judged when all of them can be read.

    data_expected_from: window up to which pods may not have been scraped yet. settled: for what a window, by its index,
        may count. windows_per_minute: as in `gate_set`. seen: what is known of the pods without a source of metrics, by
        gate; it counts whatever becomes of the source.
    """
    gates = {test.name: IsolatedTest.resumed(test, _state_of(test, earlier)) for test in gate_set.tests}
    gates |= {name: gates[name].updated(datum) for name, datum in seen.items()}
    deciding = [name for name in gates if name not in gate_set.observed]
    missing = {name: m for name in gates if isinstance(m := measurements.get(name), SourceDown | NoData | BadQuery)}
    source_down = any(isinstance(measurements.get(name), SourceDown) for name in deciding)
    if not source_down:
        for index, data in _by_window(gates, measurements):
            gates |= {name: gates[name].updated(datum, settled(index)) for name, datum in data.items()}
            through = max(through, index)
            if _failure(gates, gate_set):
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
    assessment = _assessment(gates, gate_set, {**troubled, **absent}, notes, through, pace)
    gross = [name for name in deciding if (gates[name].gross or 0) > through - windows_per_minute]
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


def _failure(tests: Mapping[str, IsolatedTest], gate_set: GateSet) -> str:
    """The evidence that decides a rollback, or nothing. Unavailable data never undoes or makes a failure."""
    gates = {name: gate for name, gate in tests.items() if name not in gate_set.observed}
    failed = [f"{name} {gate.judgement.message}" for name, gate in gates.items() if _is_failed(gate)]
    if failed:
        return "; ".join(failed)
    judgements = {name: gate.judgement for name, gate in gates.items() if _is_counted(gate)}
    decision = combine(judgements, gate_set.alpha, gate_set.weights) if judgements else None
    return decision.message if decision and decision.verdict is Verdict.FAIL else ""


def _is_failed(gate: IsolatedTest) -> bool:
    return gate.judgement.verdict is Verdict.FAIL


def _is_counted(gate: IsolatedTest) -> bool:
    return gate.judgement.guarantee is not Guarantee.THRESHOLD


def _assessment(
    tests: Mapping[str, IsolatedTest],
    gate_set: GateSet,
    absent: Mapping[str, Judgement],
    notes: Mapping[str, str],
    through: int,
    pace: Pace,
) -> Assessment:
    failure = _failure(tests, gate_set)
    judgements = {
        name: replace(absent[name], guarantee=gate.test.guarantee)
        if name in absent and not _is_failed(gate)
        else gate.judgement
        for name, gate in tests.items()
    }
    deciding = {name: judgement for name, judgement in judgements.items() if name not in gate_set.observed}
    counted = [j for j in deciding.values() if j.guarantee is not Guarantee.THRESHOLD]
    requests_seen = max((judgement.requests_seen for judgement in counted), default=0)
    gates = tuple(
        gate_status(
            tests[name],
            judgement,
            notes.get(name, ""),
            # Not every request has a label that some gate waits for.
            pace.for_part(judgement.requests_seen / requests_seen if requests_seen else 0.0),
            observed=name in gate_set.observed,
        )
        for name, judgement in judgements.items()
    )
    return Assessment(
        gates=gates,
        through=through,
        failure=failure,
        suspicion="; ".join(
            f"{name} {judgement.message}"
            for name, judgement in deciding.items()
            if name not in gate_set.at_pods and judgement.log_e_rollback > -SUSPICION * log(gate_set.alpha)
        ),
        all_pass=bool(deciding) and all(j.verdict is Verdict.PASS for j in deciding.values()),
        complete=deciding.keys().isdisjoint(absent),
        unavailable=any(j.verdict is Verdict.UNAVAILABLE for j in deciding.values()),
        gap_bound=max((j.gap_bound for j in counted if j.gap_bound is not None), default=1.0),
        requests_judged=max((j.requests_seen - j.requests_unsettled for j in counted), default=0),
        traffic=pace.traffic,
        summary=failure or summary(gates, notes),
        reference_rates={
            name: judgement.champion_rate for name, judgement in deciding.items() if judgement.champion_rate is not None
        },
    )
