"""One test per gate of the manifest: how its data become evidence and its evidence a judgement."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Protocol

from modelrollout.api.gates import Gate, QueryGate
from modelrollout.api.spec import Risk
from modelrollout.api.status import ChampionHistory
from modelrollout.evidence.combine import error_of_attempt, shares
from modelrollout.evidence.counts import ArmCounts, Block
from modelrollout.evidence.judge import judge
from modelrollout.evidence.proportion import (
    UNMEASURED_DISPERSION,
    ProportionState,
    ProportionTest,
    start,
    update,
)
from modelrollout.evidence.verdict import Guarantee, Judgement, Verdict, percent_text
from modelrollout.rollout.measurements import Point

State = Mapping[str, Any]

CHAMPION, BASELINE = "champion", "baseline"
NO_FIGURES: Mapping[str, float] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Reference:
    """The version that a challenger is compared with: its role and its Bento, for a person."""

    role: str = CHAMPION
    bento: str = ""

    def __str__(self) -> str:
        return f"{self.role} {self.bento}".rstrip()


class GateTest(Protocol):
    """A gate's test. States are JSON objects, as they stand in the status of the ModelRollout."""

    @property
    def name(self) -> str:
        """Of the gate, in the manifest."""

    @property
    def guarantee(self) -> Guarantee:
        """How the error rates of its verdicts are backed."""

    @property
    def compared_with(self) -> str | None:
        """What the challenger is compared with, for a person; None if with nothing but limits."""

    def update(self, state: State | None, datum: Block | Point) -> State:
        """The state after one more window; None is the state before the first."""

    def judge(self, state: State | None) -> Judgement:
        """What the evidence says now."""


@dataclass(frozen=True, slots=True)
class CountedGateTest:
    """A gate on a share of bad requests: errors, answers slower than a boundary, or whatever else pods count."""

    name: str
    test: ProportionTest
    champion_history: ArmCounts | None = None
    reference: Reference = Reference()
    guarantee: Guarantee = Guarantee.EXACT

    @property
    def compared_with(self) -> str:
        return str(self.reference) if self.test.figure is None else f"fixed {percent_text(self.test.figure)}"

    def update(self, state: State | None, datum: Block | Point) -> State:
        assert isinstance(datum, Block)
        return update(self.test, self._load(state), datum).to_dict()

    def judge(self, state: State | None) -> Judgement:
        judgement = judge(self.test, self._load(state), self.reference.role)
        if judgement.gap_bound < 1 and self.test.margin < 0:
            # To be no better than the champion is to miss the margin, but costs no bad requests.
            return replace(judgement, gap_bound=max(0.0, judgement.gap_bound + self.test.margin))
        return judgement

    def _load(self, state: State | None) -> ProportionState:
        if state:
            # What cannot be read is of a gate that was of another kind, or of another version of the operator.
            with suppress(KeyError, ValueError):
                return ProportionState.from_dict(state)
        return start(self.test, self.champion_history)


@dataclass(frozen=True, slots=True)
class QueryGateTest:
    """A gate on the value of a query: a threshold, with no error rate to declare.

    One value out of bounds is no failure; `failureLimit` of them in a row are. A missing value breaks no row.
    """

    name: str
    query: QueryGate
    reference: Reference = Reference()
    guarantee: Guarantee = Guarantee.THRESHOLD

    @property
    def compared_with(self) -> str | None:
        return str(self.reference) if self._needs_champion() else None

    def update(self, state: State | None, datum: Block | Point) -> State:
        assert isinstance(datum, Point)
        bad, good, failed = _counts(state)
        breach = self._breach(datum.champion, datum.challenger)
        if breach is not None and not failed:
            bad, good = (bad + 1, 0) if breach else (0, good + 1)
        return {
            "bad": bad,
            "good": good,
            "failed": bad >= self.query.failure_limit,
            "champion": datum.champion,
            "challenger": datum.challenger,
        }

    def judge(self, state: State | None) -> Judgement:
        bad, good, failed = _counts(state)
        # The API server keeps no nulls: a value that was missing is not there.
        champion, challenger = (state.get("champion"), state.get("challenger")) if state else (None, None)
        if failed:
            verdict = Verdict.FAIL
            message = f"failed: {self._breach(champion, challenger) or 'out of bounds'}, {bad} times in a row"
        elif good >= self.query.pass_limit:
            verdict, message = Verdict.PASS, f"passed: {_text(challenger)} is within bounds"
        elif challenger is None:
            verdict, message = Verdict.UNAVAILABLE, "the query gives no value for the challenger"
        elif self._needs_champion() and champion is None:
            verdict, message = Verdict.UNAVAILABLE, f"the query gives no value for the {self.reference.role}"
        else:
            verdict = Verdict.UNDECIDED
            message = f"undecided: {good} of {self.query.pass_limit} evaluations in a row within bounds"
        return Judgement(
            verdict=verdict,
            guarantee=self.guarantee,
            message=message,
            log_e_rollback=0.0,
            log_e_promotion=0.0,
            champion_rate=champion,
            challenger_rate=challenger,
            gap_bound=0.0,
            requests_seen=0,
            requests_needed=0.0,
        )

    def _needs_champion(self) -> bool:
        return self.query.max_increase is not None or self.query.max_ratio is not None

    def _breach(self, champion: float | None, challenger: float | None) -> str | None:
        """What is out of bounds, "" if nothing is, None if it cannot be told."""
        if challenger is None or (self._needs_champion() and champion is None):
            return None
        query, reference = self.query, champion or 0.0
        if query.max is not None and challenger > query.max:
            return f"{_text(challenger)} is above the limit of {_text(query.max)}"
        if query.min is not None and challenger < query.min:
            return f"{_text(challenger)} is below the least allowed, {_text(query.min)}"
        too_much_more = query.max_increase is not None and challenger > reference + query.max_increase
        too_many_times = query.max_ratio is not None and challenger > reference * query.max_ratio
        if too_much_more or too_many_times:
            return f"{_text(challenger)} is too far above the {self.reference.role}'s {_text(champion)}"
        return ""


@dataclass(frozen=True, slots=True)
class GateSet:
    """The tests of all gates, and the false-rollback rate (a fraction) that they share."""

    tests: tuple[GateTest, ...]
    alpha: float


def gate_set(
    gates: tuple[Gate, ...],
    risk: Risk,
    attempt: int,
    horizon: int,
    history: tuple[ChampionHistory, ...] = (),
    *,
    figures: Mapping[str, float] = NO_FIGURES,
    reference: Reference = Reference(),
) -> GateSet:
    """The tests of the manifest's gates, with the declared error rates spread over them.

    attempt: how often this version has been rolled out, from 1. All attempts together keep the declared error rates,
        however many there are, since each has less of them than the one before (`error_of_attempt`).
    horizon: scrape windows over which a regression may begin.
    history: what the champion did before the rollout, as far as it is known.
    figures: fixed shares of bad requests (fractions), by gate, that stand in for the reference.
    reference: the version that the challenger is compared with.
    """
    alpha = error_of_attempt(risk.false_rollback.fraction, attempt)
    beta = error_of_attempt(risk.false_promotion.fraction, attempt)
    counted = {gate.name: 1.0 for gate in gates if gate.query is None}
    alphas = shares(counted, alpha) if counted else {}
    known = {entry.gate: entry for entry in history}
    tests: list[GateTest] = []
    for gate in gates:
        if gate.query is not None:
            tests.append(QueryGateTest(gate.name, gate.query, reference))
            continue
        past = known.get(gate.name)
        test = _proportion_test(gate, alphas[gate.name], beta, horizon, past, figures.get(gate.name))
        champion_history = ArmCounts(past.requests, past.bad) if past else None
        tests.append(CountedGateTest(gate.name, test, champion_history, reference))
    return GateSet(tuple(tests), alpha)


def _proportion_test(
    gate: Gate, alpha: float, beta: float, horizon: int, history: ChampionHistory | None, figure: float | None
) -> ProportionTest:
    kind = gate.proportion
    assert kind is not None
    return ProportionTest(
        margin=kind.margin,
        tolerated=kind.tolerated.fraction,
        ratio=(gate.error_rate and gate.error_rate.max_ratio) or 1.0,
        alpha=alpha,
        beta=beta,
        horizon=horizon,
        dispersion=history.dispersion if history else UNMEASURED_DISPERSION,
        figure=figure,
    )


def _counts(state: State | None) -> tuple[int, int, bool]:
    """Evaluations in a row out of bounds, those within, and whether the gate has failed."""
    state = state or {}
    return state.get("bad", 0), state.get("good", 0), state.get("failed", False)


def _text(value: float | None) -> str:
    return "no value" if value is None else f"{value:.4g}"
