"""The gate on restarts of containers."""

from dataclasses import dataclass, replace
from math import exp

from modelrollout.api.gates.restarts import RestartsGate
from modelrollout.evidence.rare_events import RareEventState, RareEventTest, shows_more_events, update_rare_events
from modelrollout.evidence.sequential import SETTLED, Settled
from modelrollout.evidence.verdict import Guarantee, Judgement, Verdict, percent_text, unavailable
from modelrollout.rollout.gates.gate_test import Reference, Setup, State, restored
from modelrollout.rollout.measurements import Datum, RestartCount


@dataclass(frozen=True, slots=True)
class RestartsGateTest:
    """Of restarts as the statuses of pods tell them.

    It passes until the evidence is enough for a rollback: short of that the hold `Unstable` is asked.
    """

    name: str
    digest: str
    test: RareEventTest
    reference: Reference
    guarantee: Guarantee = Guarantee.EXACT

    @property
    def compared_with(self) -> str:
        return str(self.reference)

    def update(self, state: State | None, datum: Datum, settled: Settled = SETTLED) -> State:
        if not isinstance(datum, RestartCount):
            return state or {}
        counted = (datum.champion, datum.challenger)
        before, earlier_share = (state["seen"], state["share"]) if state and "seen" in state else (counted, 0.0)
        # A pod that is gone takes its restarts along.
        champion, challenger = (max(0, now - then) for then, now in zip(before, counted, strict=True))
        # What happened since the last look may have happened under what held then.
        share = max(datum.share, earlier_share)
        events = update_rare_events(self.test, self._load(state), champion, challenger, share)
        return {
            "seen": list(counted),
            "share": datum.share,
            "champion": events.champion,
            "challenger": events.challenger,
            "evidence": events.packed(),
            **({"last": datum.last_exit} if datum.last_exit and events.challenger else {}),
        }

    def looks_gross(self, state: State | None, datum: Datum, settled: Settled = SETTLED) -> bool:
        return False

    def judge(self, state: State | None) -> Judgement:
        if not state:
            nothing = unavailable("the pods were not looked at yet", self.guarantee)
            return replace(nothing, verdict=Verdict.PASS, gap_bound=None, requests_needed=0.0)
        events = self._load(state)
        failed = shows_more_events(self.test, events)
        last = f", last: {state['last']}" if "last" in state else ""
        counts = (
            f"{events.challenger} restarts of the challenger's containers{last}, {events.champion} of the "
            f"{self.reference.role}'s"
        )
        return Judgement(
            verdict=Verdict.FAIL if failed else Verdict.PASS,
            guarantee=self.guarantee,
            message=f"failed: {counts}; false alarm at most {percent_text(exp(-events.most))}" if failed else counts,
            log_e_rollback=events.log_e,
            log_e_promotion=0.0,
            champion_rate=events.champion,
            challenger_rate=events.challenger,
            gap_bound=None,
            requests_seen=0,
            requests_needed=0.0,
        )

    def figure_text(self, figure: float) -> str:
        return f"{figure:.0f}"

    def _load(self, state: State | None) -> RareEventState:
        return restored(state, _events) or RareEventState()


def gate_test(kind: RestartsGate, setup: Setup) -> RestartsGateTest:
    """The test of a gate on restarts."""
    return RestartsGateTest(setup.name, setup.digest, RareEventTest(setup.alpha, kind.max_ratio), setup.reference)


def _events(state: State) -> RareEventState:
    return RareEventState.unpacked(state["champion"], state["challenger"], state["evidence"])
