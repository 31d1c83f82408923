"""One gate cannot keep others from being judged."""

from dataclasses import dataclass, replace
from math import inf, isnan
from typing import Self

from modelrollout.evidence.sequential import SETTLED, Settled
from modelrollout.evidence.verdict import Judgement, Verdict, unavailable
from modelrollout.rollout.gates.gate_test import GateTest, State
from modelrollout.rollout.measurements import Datum


@dataclass(frozen=True, slots=True)
class IsolatedTest:
    """A gate's test and where it stands. What goes wrong in the test makes that gate unavailable and nothing else.

    trouble: what went wrong since the operator last looked, for a person; empty if nothing did.
    gross: index of the last window since then that looked gross. near: of the last such window that fails the
        gate if the next one is like it.
    """

    test: GateTest
    state: State | None
    judgement: Judgement
    trouble: str = ""
    gross: int | None = None
    near: int | None = None

    @classmethod
    def resumed(cls, test: GateTest, state: State | None) -> Self:
        """The test in a state of its own, or at its beginning if that is None."""
        try:
            return cls(test, state, _sound(test.judge(state)))
        except Exception as error:
            trouble = _trouble("its state", error)
            return cls(test, state, unavailable(f"unavailable: {trouble}", test.guarantee), trouble)

    def updated(self, datum: Datum, settled: Settled = SETTLED) -> Self:
        """After one more window, or as before if the test cannot take it. settled: for what the window may count."""
        try:
            is_gross = self.test.looks_gross(self.state, datum, settled)
            state = self.test.update(self.state, datum, settled)
            is_near = is_gross and self._is_failed_by(state, datum, settled)
            return replace(
                self,
                state=state,
                judgement=_sound(self.test.judge(state)),
                gross=datum.index if is_gross else self.gross,
                near=datum.index if is_near else self.near,
            )
        except Exception as error:
            return replace(self, trouble=_trouble(f"scrape window {datum.index}", error))

    def _is_failed_by(self, state: State, datum: Datum, settled: Settled) -> bool:
        return self.test.judge(self.test.update(state, datum, settled)).verdict is Verdict.FAIL


def _sound(judgement: Judgement) -> Judgement:
    """Raises ValueError for evidence that is no number, or more of it than any data can give."""
    figures = (judgement.log_e_rollback, judgement.log_e_promotion, judgement.gap_bound, judgement.requests_needed)
    if any(figure is not None and isnan(figure) for figure in figures):
        raise ValueError("the evidence is not a number")
    if inf in {judgement.log_e_rollback, judgement.log_e_promotion}:
        raise ValueError("the evidence is infinite")
    return judgement


def _trouble(where: str, error: Exception) -> str:
    # Of an exception no more than its kind: what it says may be of any length, and about anything.
    return f"{where} could not be judged ({type(error).__name__})"
