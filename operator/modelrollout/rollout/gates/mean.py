"""The gate on a mean."""

from dataclasses import dataclass

from modelrollout.api.gates.mean import Better, MeanGate
from modelrollout.evidence.mean import MeanState, MeanTest, judge_mean, update_mean
from modelrollout.evidence.sequential import SETTLED, Settled
from modelrollout.evidence.verdict import Guarantee, Judgement, number_text
from modelrollout.rollout.gates.gate_test import Reference, Setup, State, restored
from modelrollout.rollout.measurements import Datum, SumWindow


@dataclass(frozen=True, slots=True)
class MeanGateTest:
    """Of a loss, a squared error, a cost, a value."""

    name: str
    digest: str
    test: MeanTest
    reference: Reference
    guarantee: Guarantee = Guarantee.ASYMPTOTIC

    @property
    def compared_with(self) -> str:
        return str(self.reference)

    def update(self, state: State | None, datum: Datum, settled: Settled = SETTLED) -> State:
        assert isinstance(datum, SumWindow)
        return update_mean(self.test, self._load(state), datum.champion, datum.challenger, settled).to_dict()

    def looks_gross(self, state: State | None, datum: Datum, settled: Settled = SETTLED) -> bool:
        return False

    def judge(self, state: State | None) -> Judgement:
        return judge_mean(self.test, self._load(state), self.reference.role)

    def figure_text(self, figure: float) -> str:
        return number_text(figure)

    def _load(self, state: State | None) -> MeanState:
        return restored(state, MeanState.from_dict) or MeanState()


def gate_test(kind: MeanGate, setup: Setup) -> MeanGateTest:
    """The test of a gate on a mean."""
    test = MeanTest(
        margin=kind.margin,
        tolerated=kind.tolerated,
        ratio=kind.max_ratio or 1.0,
        alpha=setup.alpha,
        beta=setup.beta,
        horizon=setup.horizon,
        higher_is_better=kind.better is Better.HIGHER,
    )
    return MeanGateTest(setup.name, setup.digest, test, setup.reference)
