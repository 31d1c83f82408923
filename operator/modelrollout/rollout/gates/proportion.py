"""The gate on a share of bad requests."""

from dataclasses import dataclass, replace

from modelrollout.api.gates.proportion import ProportionGate
from modelrollout.evidence.counts import ArmCounts
from modelrollout.evidence.proportion import (
    UNMEASURED_DISPERSION,
    ProportionState,
    ProportionTest,
    judge,
    looks_gross,
    start,
    update,
)
from modelrollout.evidence.sequential import SETTLED, Settled
from modelrollout.evidence.verdict import Guarantee, Judgement, Verdict, percent_text
from modelrollout.rollout.gates.gate_test import Reference, Setup, State, restored
from modelrollout.rollout.measurements import Datum, Window

_LARGEST_MARGIN = 0.999


# From where on what the hour before showed is told: how bunched failures were, and how unlike the pods.
_MANY_AT_ONCE = 5.0
_UNLIKE = 0.15


@dataclass(frozen=True, slots=True)
class ProportionGateTest:
    """Of errors, answers slower than a boundary, or whatever else pods count."""

    name: str
    digest: str
    test: ProportionTest
    champion_history: ArmCounts | None
    reference: Reference
    guarantee: Guarantee = Guarantee.EXACT

    @property
    def compared_with(self) -> str:
        return str(self.reference) if self.test.figure is None else f"fixed {percent_text(self.test.figure)}"

    def update(self, state: State | None, datum: Datum, settled: Settled = SETTLED) -> State:
        assert isinstance(datum, Window)
        return update(self.test, self._load(state), datum.block, settled, datum.pods).to_dict()

    def looks_gross(self, state: State | None, datum: Datum, settled: Settled = SETTLED) -> bool:
        return isinstance(datum, Window) and looks_gross(self.test, self._load(state), datum.block, settled)

    def judge(self, state: State | None) -> Judgement:
        judgement = judge(self.test, self._load(state), self.reference.role)
        if judgement.verdict is Verdict.UNDECIDED and (peculiarities := _peculiarities(self.test)):
            judgement = replace(judgement, message=f"{judgement.message} ({peculiarities})")
        bound = judgement.gap_bound
        if bound is not None and bound < 1 and self.test.margin < 0:
            # To be no better than the champion is to miss the margin, but costs no bad requests.
            return replace(judgement, gap_bound=max(0.0, bound + self.test.margin))
        return judgement

    def figure_text(self, figure: float) -> str:
        return percent_text(figure)

    def _load(self, state: State | None) -> ProportionState:
        return restored(state, ProportionState.from_dict) or start(self.test, self.champion_history)


def _peculiarities(test: ProportionTest) -> str:
    """What makes the champion's service hard to judge, for a person; empty if nothing does."""
    found = []
    if test.dispersion > _MANY_AT_ONCE:
        times = f"{test.dispersion:.0f}"
        found.append(f"failures came {times} at once in the hour before, so {times} times more requests are needed")
    if test.pod_spread > _UNLIKE:
        found.append(f"the champion's pods differed by {test.pod_spread:.0%}, as the challenger's may")
    return "; ".join(found)


def gate_test(kind: ProportionGate, setup: Setup) -> ProportionGateTest:
    """The test of a gate on a share of bad requests."""
    history = setup.history
    test = ProportionTest(
        margin=testable(kind.margin),
        tolerated=testable(kind.tolerance),
        ratio=kind.ratio,
        alpha=setup.alpha,
        beta=setup.beta,
        horizon=setup.horizon,
        windows_per_minute=setup.windows_per_minute,
        dispersion=history.dispersion if history else UNMEASURED_DISPERSION,
        figure=setup.figure,
        pod_spread=history.pod_spread if history else 0.0,
    )
    known = ArmCounts(history.requests, history.bad) if history else None
    return ProportionGateTest(setup.name, setup.digest, test, known, setup.reference)


def testable(margin: float) -> float:
    """A margin, or the largest of its sign that a test can bet on: nearer to all requests there is nothing to win."""
    return max(-_LARGEST_MARGIN, min(_LARGEST_MARGIN, margin))
