"""The gate on the value of a query."""

from dataclasses import dataclass

from modelrollout.api.gates import QueryGate
from modelrollout.evidence.verdict import Guarantee, Judgement, Verdict, number_text
from modelrollout.rollout.gate_tests import Reference, State
from modelrollout.rollout.measurements import Datum, Point


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

    def update(self, state: State | None, datum: Datum) -> State:
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
            verdict, message = Verdict.PASS, f"passed: {number_text(challenger)} is within bounds"
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
            gap_bound=None,
            requests_seen=0,
            requests_needed=0.0,
        )

    def figure_text(self, figure: float) -> str:
        return number_text(figure)

    def _needs_champion(self) -> bool:
        return self.query.max_increase is not None or self.query.max_ratio is not None

    def _breach(self, champion: float | None, challenger: float | None) -> str | None:
        """What is out of bounds, "" if nothing is, None if it cannot be told."""
        if challenger is None or (self._needs_champion() and champion is None):
            return None
        query, reference = self.query, champion or 0.0
        if query.max is not None and challenger > query.max:
            return f"{number_text(challenger)} is above the limit of {number_text(query.max)}"
        if query.min is not None and challenger < query.min:
            return f"{number_text(challenger)} is below the least allowed, {number_text(query.min)}"
        too_much_more = query.max_increase is not None and challenger > reference + query.max_increase
        too_many_times = query.max_ratio is not None and challenger > reference * query.max_ratio
        if too_much_more or too_many_times:
            return f"{number_text(challenger)} is too far above the {self.reference.role}'s {number_text(champion)}"
        return ""


def _counts(state: State | None) -> tuple[int, int, bool]:
    """Evaluations in a row out of bounds, those within, and whether the gate has failed."""
    state = state or {}
    return state.get("bad", 0), state.get("good", 0), state.get("failed", False)
