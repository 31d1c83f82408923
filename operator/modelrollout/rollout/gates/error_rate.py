"""The gate on errors, with an eye on requests that are refused."""

from dataclasses import dataclass, replace

from modelrollout.api.gates.error_rate import ErrorRateGate
from modelrollout.evidence.eprocess import log_weighted_mean_exp
from modelrollout.evidence.proportion import ProportionTest
from modelrollout.evidence.sequential import SETTLED, Settled
from modelrollout.evidence.verdict import Judgement, Verdict
from modelrollout.rollout.gates import proportion
from modelrollout.rollout.gates.gate_test import Setup, State
from modelrollout.rollout.gates.proportion import ProportionGateTest
from modelrollout.rollout.measurements import Datum, Window

# Part of the gate's false-rollback rate that is for refused requests.
_SHARE_OF_REFUSALS = 0.1
# A rise up to it may be chance: who sends what cannot be answered is nobody's version.
_TOLERATED = 0.01
_REFUSALS = "refusals"


@dataclass(frozen=True, slots=True)
class ErrorRateGateTest(ProportionGateTest):
    """Errors, and beside them the answers with another 4xx code, where they were counted.

    The weighted mean of both e-values is one for "neither has risen" under any dependence between the two (Vovk and
    Wang, "E-values", 2021). The gate passes if both pass.
    """

    refusals: ProportionGateTest | None = None

    def update(self, state: State | None, datum: Datum, settled: Settled = SETTLED) -> State:
        assert isinstance(datum, Window)
        updated = dict(ProportionGateTest.update(self, state, datum, settled))
        refusals = _refusals_in(state)
        if self.refusals and datum.refusals:
            refusals = self.refusals.update(refusals, Window(datum.index, datum.refusals), settled)
        return {**updated, _REFUSALS: dict(refusals)} if refusals else updated

    def looks_gross(self, state: State | None, datum: Datum, settled: Settled = SETTLED) -> bool:
        if ProportionGateTest.looks_gross(self, state, datum, settled):
            return True
        if self.refusals is None or not isinstance(datum, Window) or datum.refusals is None:
            return False
        return self.refusals.looks_gross(_refusals_in(state), Window(datum.index, datum.refusals), settled)

    def judge(self, state: State | None) -> Judgement:
        errors, refusals = ProportionGateTest.judge(self, state), _refusals_in(state)
        if self.refusals is None or refusals is None:
            return errors
        return _together(errors, self.refusals.judge(refusals))


def gate_test(kind: ErrorRateGate, setup: Setup) -> ErrorRateGateTest:
    """The test of a gate on errors. A fixed figure is one of errors and says nothing about refused requests."""
    compares = setup.figure is None
    of_errors = (1 - _SHARE_OF_REFUSALS) * setup.alpha if compares else setup.alpha
    errors = proportion.gate_test(kind, replace(setup, alpha=of_errors))
    margin = kind.max_client_error_increase.fraction
    refusals = ProportionTest(
        margin=proportion.testable(margin),
        tolerated=min(_TOLERATED, margin),
        alpha=_SHARE_OF_REFUSALS * setup.alpha,
        beta=setup.beta,
        horizon=setup.horizon,
        windows_per_minute=setup.windows_per_minute,
    )
    return ErrorRateGateTest(
        name=errors.name,
        digest=errors.digest,
        test=errors.test,
        champion_history=errors.champion_history,
        reference=errors.reference,
        refusals=replace(errors, test=refusals, champion_history=None) if compares else None,
    )


def _refusals_in(state: State | None) -> State | None:
    return state.get(_REFUSALS) if state else None


def _together(errors: Judgement, refusals: Judgement) -> Judgement:
    """What both say: the worse verdict, with its reason."""
    worst = next(
        (verdict for verdict in (Verdict.FAIL, Verdict.UNDECIDED) if verdict in {errors.verdict, refusals.verdict}),
        errors.verdict,
    )
    evidence = ((1 - _SHARE_OF_REFUSALS, errors.log_e_rollback), (_SHARE_OF_REFUSALS, refusals.log_e_rollback))
    return replace(
        errors,
        verdict=worst,
        message=errors.message if errors.verdict is worst else f"4xx answers {refusals.message}",
        log_e_rollback=log_weighted_mean_exp(evidence),
        log_e_promotion=min(errors.log_e_promotion, refusals.log_e_promotion),
        requests_needed=max(errors.requests_needed, refusals.requests_needed),
    )
