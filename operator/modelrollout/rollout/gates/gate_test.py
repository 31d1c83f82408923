"""What all tests of gates have in common."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from modelrollout.api.evidence import ChampionHistory
from modelrollout.evidence.sequential import SETTLED, Settled
from modelrollout.evidence.verdict import Guarantee, Judgement
from modelrollout.rollout.measurements import Datum

S = TypeVar("S")

State = Mapping[str, Any]

CHAMPION, BASELINE = "champion", "baseline"


@dataclass(frozen=True, slots=True)
class Reference:
    """The version that a challenger is compared with: its role and its Bento, for a person."""

    role: str = CHAMPION
    bento: str = ""

    def __str__(self) -> str:
        return f"{self.role} {self.bento}".rstrip()


THE_CHAMPION = Reference()


@dataclass(frozen=True, slots=True)
class Setup:
    """What the test of a gate is made of, beside what the manifest says about its kind.

    name, digest: of the gate. reference: the version that the challenger is compared with.
    alpha, beta: the gate's part of the false-rollback rate, and the false-promotion rate, as fractions.
    horizon: scrape windows over which a regression may begin. windows_per_minute: how many of them make a minute.
    history: what the champion did before the rollout, as far as it is known.
    figure: fixed share of bad requests (a fraction) that stands in for the reference.
    """

    name: str
    digest: str
    reference: Reference
    alpha: float
    beta: float
    horizon: int
    windows_per_minute: int
    history: ChampionHistory | None = None
    figure: float | None = None


class GateTest(Protocol):
    """A gate's test. States are JSON objects, as they stand in the status of the ModelRollout."""

    @property
    def name(self) -> str:
        """Of the gate, in the manifest."""

    @property
    def digest(self) -> str:
        """Of the gate, as the manifest has it."""

    @property
    def guarantee(self) -> Guarantee:
        """How the error rates of its verdicts are backed."""

    @property
    def compared_with(self) -> str | None:
        """What the challenger is compared with, for a person; None if with nothing but limits."""

    def update(self, state: State | None, datum: Datum, settled: Settled = SETTLED) -> State:
        """The state after one more window; None is the state before the first. settled: for what it may count."""

    def looks_gross(self, state: State | None, datum: Datum, settled: Settled = SETTLED) -> bool:
        """Whether a window is so bad that the challenger should have less traffic until more is known."""

    def judge(self, state: State | None) -> Judgement:
        """What the evidence says now."""

    def figure_text(self, figure: float) -> str:
        """A rate of a judgement, for a person."""


def restored(state: State | None, from_dict: Callable[[State], S]) -> S | None:
    """A state as the test knows it; None where there is none, or none that this version of the operator wrote."""
    if state:
        with suppress(KeyError, ValueError):
            return from_dict(state)
    return None
