"""The gate on the value of a query."""

from dataclasses import dataclass
from typing import assert_never

from modelrollout.api.gates.query import QueryGate
from modelrollout.evidence.sequential import SETTLED, Settled
from modelrollout.evidence.verdict import Guarantee, Judgement, Verdict, number_text
from modelrollout.rollout.gates.gate_test import Reference, Setup, State
from modelrollout.rollout.measurements import Datum, Point


@dataclass(frozen=True, slots=True)
class WithinBounds:
    """The challenger's value is allowed."""


@dataclass(frozen=True, slots=True)
class OutOfBounds:
    """The challenger's value is not allowed; `how` says why, for a person."""

    how: str


@dataclass(frozen=True, slots=True)
class NoValue:
    """The query gave no value for a version that is needed, so that nothing can be told."""

    version: str


Standing = WithinBounds | OutOfBounds | NoValue
"""Where the values of one evaluation stand to the bounds."""


@dataclass(frozen=True, slots=True)
class QueryGateTest:
    """A gate on the value of a query: a threshold, with no error rate to declare.

    One value out of bounds is no failure; `failureLimit` of them in a row are. A missing value breaks no row.
    """

    name: str
    digest: str
    query: QueryGate
    reference: Reference
    guarantee: Guarantee = Guarantee.THRESHOLD

    @property
    def compared_with(self) -> str | None:
        return str(self.reference) if self._needs_champion() else None

    def update(self, state: State | None, datum: Datum, settled: Settled = SETTLED) -> State:
        assert isinstance(datum, Point)
        bad, good, failed = _counts(state)
        if not failed:
            match self._standing(datum.champion, datum.challenger):
                case OutOfBounds():
                    bad, good = bad + 1, 0
                case WithinBounds():
                    bad, good = 0, good + 1
                case NoValue():
                    pass
                case standing:
                    assert_never(standing)
        return {
            "bad": bad,
            "good": good,
            "failed": bad >= self.query.failure_limit,
            "champion": datum.champion,
            "challenger": datum.challenger,
        }

    def looks_gross(self, state: State | None, datum: Datum, settled: Settled = SETTLED) -> bool:
        return False

    def judge(self, state: State | None) -> Judgement:
        bad, good, failed = _counts(state)
        # The API server keeps no nulls: a value that was missing is not there.
        champion, challenger = (state.get("champion"), state.get("challenger")) if state else (None, None)
        standing = self._standing(champion, challenger)
        if failed:
            verdict, how = Verdict.FAIL, standing.how if isinstance(standing, OutOfBounds) else "out of bounds"
            message = f"failed: {how}, {bad} times in a row"
        elif good >= self.query.pass_limit:
            verdict, message = Verdict.PASS, f"passed: {number_text(challenger)} is within bounds"
        elif isinstance(standing, NoValue):
            verdict, message = Verdict.UNAVAILABLE, f"the query gives no value for the {standing.version}"
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
            gap_bound=None,
            requests_seen=0,
            requests_needed=0.0,
        )

    def figure_text(self, figure: float) -> str:
        return number_text(figure)

    def _needs_champion(self) -> bool:
        return self.query.max_increase is not None or self.query.max_ratio is not None

    def _standing(self, champion: float | None, challenger: float | None) -> Standing:
        if challenger is None:
            return NoValue("challenger")
        if self._needs_champion() and champion is None:
            return NoValue(self.reference.role)
        query, reference = self.query, champion or 0.0
        if query.max is not None and challenger > query.max:
            return OutOfBounds(f"{number_text(challenger)} is above the limit of {number_text(query.max)}")
        if query.min is not None and challenger < query.min:
            return OutOfBounds(f"{number_text(challenger)} is below the least allowed, {number_text(query.min)}")
        too_much_more = query.max_increase is not None and challenger > reference + query.max_increase
        too_many_times = query.max_ratio is not None and challenger > reference * query.max_ratio
        if too_much_more or too_many_times:
            above = f"too far above the {self.reference.role}'s {number_text(champion)}"
            return OutOfBounds(f"{number_text(challenger)} is {above}")
        return WithinBounds()


def gate_test(kind: QueryGate, setup: Setup) -> QueryGateTest:
    """The test of a gate on the value of a query."""
    return QueryGateTest(setup.name, setup.digest, kind, setup.reference)


def _counts(state: State | None) -> tuple[int, int, bool]:
    """Evaluations in a row out of bounds, those within, and whether the gate has failed."""
    state = state or {}
    return state.get("bad", 0), state.get("good", 0), state.get("failed", False)
