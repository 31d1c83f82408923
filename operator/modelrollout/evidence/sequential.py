"""What all sequential tests have in common: how they are used, and the one rule by which evidence becomes a verdict."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol, Self, TypeVar

from modelrollout.evidence.verdict import Judgement, Verdict


class Settled(NamedTuple):
    """For what a window may count, by what was done to the weights before it (docs/evidence.md, Late answers).

    promotion: no weight was changed while answers that this window counts may still have been awaited.
    challenger_most: where the challenger's weight was lowered in that time, the largest part (0..1) of both arms'
        requests that it then had; 0 where it was not.
    champion_least: likewise the smallest part that the champion had; 1 where the challenger's weight was not lowered.
    """

    promotion: bool = True
    challenger_most: float = 0.0
    champion_least: float = 1.0

    @property
    def rollback(self) -> bool:
        """Whether the bad answers of the window are of no more requests than it counts."""
        return self.challenger_most == 0 and self.champion_least == 1

    def __and__(self, other: "Settled") -> "Settled":
        return Settled(
            self.promotion and other.promotion,
            max(self.challenger_most, other.challenger_most),
            min(self.champion_least, other.champion_least),
        )

    @classmethod
    def from_list(cls, fields: Sequence[float]) -> Self:
        """From the fields in their order, or from those of the first release: rollback and promotion."""
        match fields:
            case [promotion, most, least]:
                return cls(bool(promotion), float(most), float(least))
            case [rollback, promotion]:
                return cls(bool(promotion)) if rollback else cls(bool(promotion), 1.0, 0.0)
        raise ValueError("not what a window may count for")


SETTLED = Settled()


class Checkpoint(Protocol):
    """The state of a test between windows, which is a value."""

    def to_dict(self) -> dict[str, Any]:
        """The state as JSON-able fields."""

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Self:
        """The state of `to_dict`. Raises KeyError or ValueError if the fields are not such a state."""


State = TypeVar("State", bound=Checkpoint)
Counts_contra = TypeVar("Counts_contra", contravariant=True)


class SequentialTest(Protocol[State, Counts_contra]):
    """A test that may be looked at after every window. `Counts_contra` is what one window tells about both arms.

    alpha, beta: highest probability of a false rollback and of a false promotion over the whole rollout.
    """

    @property
    def alpha(self) -> float: ...

    @property
    def beta(self) -> float: ...

    def start(self) -> State:
        """The state before the first window."""

    def update(self, state: State, counts: Counts_contra, settled: Settled = SETTLED) -> State:
        """The state after one more window. Windows come in order, each once."""

    def judge(self, state: State, reference: str = "champion") -> Judgement:
        """What the evidence says. `reference` is what the message calls the arm that is compared with."""


class Evidence(NamedTuple):
    """Natural logarithms of e-values: for rollback the present one and the best so far, for promotion the best."""

    rollback: float
    best_rollback: float
    best_promotion: float


def verdict_of(evidence: Evidence, alpha: float, beta: float) -> Verdict:
    """`Fail` once the rollback evidence has ever reached 1/alpha, `Pass` once that for promotion has reached 1/beta.

    Not `Pass` while the present rollback evidence is half-way to a fail: such a challenger has become worse since.
    Never `Unavailable`: whether there is data to be had is known to whoever reads it.
    """
    if evidence.best_rollback >= -math.log(alpha):
        return Verdict.FAIL
    if evidence.best_promotion >= -math.log(beta) and evidence.rollback < -math.log(alpha) / 2:
        return Verdict.PASS
    return Verdict.UNDECIDED
