"""The gate on drift."""

from dataclasses import dataclass

from modelrollout.api.gates.drift import DriftGate
from modelrollout.evidence.drift import DriftState, DriftTest, judge_drift, start_drift, update_drift
from modelrollout.evidence.proportion import UNMEASURED_DISPERSION
from modelrollout.evidence.sequential import SETTLED, Settled
from modelrollout.evidence.verdict import Guarantee, Judgement, percent_text
from modelrollout.rollout.gates.gate_test import Reference, Setup, State, restored
from modelrollout.rollout.measurements import BucketWindow, Datum


@dataclass(frozen=True, slots=True)
class DriftGateTest:
    """Of predictions or inputs over buckets. `buckets` are their names, for a person."""

    name: str
    digest: str
    test: DriftTest
    buckets: tuple[str, ...]
    reference: Reference
    guarantee: Guarantee = Guarantee.ASSUMED

    @property
    def compared_with(self) -> str:
        return str(self.reference)

    def update(self, state: State | None, datum: Datum, settled: Settled = SETTLED) -> State:
        assert isinstance(datum, BucketWindow)
        return update_drift(self.test, self._load(state), datum.champion, datum.challenger, settled).to_dict()

    def looks_gross(self, state: State | None, datum: Datum, settled: Settled = SETTLED) -> bool:
        return False

    def judge(self, state: State | None) -> Judgement:
        return judge_drift(self.test, self._load(state), self.buckets, self.reference.role)

    def figure_text(self, figure: float) -> str:
        return percent_text(figure)

    def _load(self, state: State | None) -> DriftState:
        return restored(state, DriftState.from_dict) or start_drift(self.test)


def gate_test(kind: DriftGate, setup: Setup) -> DriftGateTest:
    """The test of a gate on drift."""
    test = DriftTest(
        buckets=len(kind.buckets),
        margin=kind.max_distance.fraction,
        tolerated=kind.tolerated.fraction,
        alpha=setup.alpha,
        beta=setup.beta,
        horizon=setup.horizon,
        dispersion=UNMEASURED_DISPERSION,
    )
    return DriftGateTest(setup.name, setup.digest, test, kind.buckets, setup.reference)
