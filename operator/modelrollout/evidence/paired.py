"""The sequential test of pairs: the same request answered by champion and challenger.

Of each pair X is 1 if only the challenger was wrong, -1 if only the champion was, else 0. Where both predict the
same, X is 0 whatever the truth, so only disagreements need a label. Null hypotheses: the mean of X, given all earlier
pairs, is at most `tolerated` (rollback) or at least `margin` (promotion). For a stake c that keeps factors positive

    prod (1 + c (X - tolerated))        prod (1 - c (X - margin))

are e-processes (betting on a bounded mean: Waudby-Smith and Ramdas, 2024), and so is their mean over stakes that are
fixed beforehand. With a tolerance of 0 agreements change nothing: it is McNemar's test, at every look.

A disagreement without a label counts as what speaks most against whoever would profit: X = -1 for rollback, 1 for
promotion. With fixed stakes each factor can only be lowered by that, for every prefix of the pairs in order of their
requests. So the evidence is at no time more than that with all labels would be: it holds for labels in any order, at
any speed, chosen by anybody and for any reason. A challenger that disagrees on fewer requests than the margin passes
with no label at all.
"""

import math
from collections.abc import Mapping
from dataclasses import astuple, dataclass
from typing import Any, NamedTuple, Self

from modelrollout.evidence.eprocess import log_mean_exp
from modelrollout.evidence.packing import pack_floats, unpack_floats
from modelrollout.evidence.sequential import SETTLED, Evidence, Settled, verdict_of
from modelrollout.evidence.verdict import Guarantee, Judgement, Verdict, percent_text, undecided_text

# Stakes, as parts of the largest that keeps every factor positive. In between, the nearest loses little growth.
STAKES = (0.02, 0.05, 0.1, 0.2, 0.4, 0.7, 0.95)
_NOTHING = (0.0,) * len(STAKES)


@dataclass(frozen=True, slots=True)
class PairCounts:
    """Pairs of one stretch of time, by the time of their requests.

    agreed: both predicted the same, or differ and are known to be wrong both: X = 0.
    worse, better: they differ, and only the challenger, or only the champion, was wrong.
    unlabelled: they differ, and the truth is not known: awaited still, or past its deadline.
    """

    agreed: int = 0
    worse: int = 0
    better: int = 0
    unlabelled: int = 0

    def __post_init__(self) -> None:
        if min(astuple(self)) < 0:
            raise ValueError(f"pairs cannot be fewer than none, got {self}")

    def __add__(self, other: "PairCounts") -> "PairCounts":
        return PairCounts(*(ours + theirs for ours, theirs in zip(astuple(self), astuple(other), strict=True)))

    @property
    def total(self) -> int:
        return self.agreed + self.worse + self.better + self.unlabelled


NO_PAIR = PairCounts()


class _Outcomes(NamedTuple):
    """How many pairs have X = 0, 1 and -1."""

    even: float
    worse: float
    better: float


@dataclass(frozen=True, slots=True)
class PairedTest:
    """A `SequentialTest` of `PairCounts`; rates are shares of all requests.

    tolerated: no rollback as long as the challenger is wrong on no more of the requests than the champion plus this.
    margin: no promotion as long as it is wrong on at least this much more; a negative margin asks for better.
    alpha, beta: highest probability of a false rollback and of a false promotion, over all looks.
    dispersion: size of groups of requests that share their fate (one client that sends one input again and again);
        each then counts as one (Jensen's inequality). 1 where inputs are told apart.
    """

    margin: float
    tolerated: float = 0.0
    alpha: float = 0.01
    beta: float = 0.01
    dispersion: float = 1.0

    def __post_init__(self) -> None:
        if not (0 < self.alpha < 1 and 0 < self.beta < 1):
            raise ValueError("alpha and beta must lie between 0 and 1")
        if not (0 <= self.tolerated < 1 and -1 < self.margin < 1):
            raise ValueError("tolerated must lie between 0 and 1, margin between -1 and 1")
        if self.dispersion < 1:
            raise ValueError("dispersion must be at least 1")

    def start(self) -> "PairedState":
        """The state before the first pair."""
        return PairedState()

    def update(self, state: "PairedState", counts: PairCounts, settled: Settled = SETTLED) -> "PairedState":
        """The state after one more stretch of pairs. Stretches come in order of the requests' times, each once.

        Keep the state of the stretches of which all labels are in or past their deadline. What came after may be added
        to look at, with its labels so far: a verdict on that holds too, and the state is thrown away.
        """
        regressions, improvements = state.log_regressions, state.log_improvements
        if settled.rollback:
            regressions = self._grown(regressions, rollback_steps(self, counts))
        if settled.promotion:
            improvements = self._grown(improvements, promotion_steps(self, counts))
        return PairedState(
            seen=state.seen + counts,
            log_regressions=regressions,
            log_improvements=improvements,
            best_rollback=max(state.best_rollback, log_mean_exp(regressions)),
            best_promotion=max(state.best_promotion, log_mean_exp(improvements)),
        )

    def judge(self, state: "PairedState", reference: str = "champion") -> Judgement:
        """What the evidence says. Rates are None: where both agree nobody asks who is right."""
        rollback = log_mean_exp(state.log_regressions)
        verdict = verdict_of(Evidence(rollback, state.best_rollback, state.best_promotion), self.alpha, self.beta)
        needed = state.seen.total + pairs_missing(self, state)
        return Judgement(
            verdict=verdict,
            guarantee=Guarantee.EXACT,
            message=_message(state, verdict, needed, reference),
            log_e_rollback=rollback,
            log_e_promotion=state.best_promotion,
            champion_rate=None,
            challenger_rate=None,
            gap_bound=None,
            requests_seen=state.seen.total,
            requests_needed=needed,
        )

    def _grown(self, logs: tuple[float, ...], steps: list[float]) -> tuple[float, ...]:
        return tuple([log + step / self.dispersion for log, step in zip(logs, steps, strict=True)])


@dataclass(frozen=True, slots=True)
class PairedState:
    """All that a test remembers between stretches: the log evidence for each stake, and what was seen."""

    seen: PairCounts = NO_PAIR
    log_regressions: tuple[float, ...] = _NOTHING
    log_improvements: tuple[float, ...] = _NOTHING
    best_rollback: float = 0.0
    best_promotion: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """The state as JSON-able fields; `from_dict` restores it exactly."""
        packed = (*self.log_regressions, *self.log_improvements, self.best_rollback, self.best_promotion)
        return {"seen": list(astuple(self.seen)), "evidence": pack_floats(packed)}

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Self:
        """The state of `to_dict`. Raises KeyError or ValueError if the fields are not such a state."""
        agreed, worse, better, unlabelled = fields["seen"]
        stakes = len(STAKES)
        packed = unpack_floats(fields["evidence"], 2 * stakes + 2)
        return cls(
            PairCounts(agreed, worse, better, unlabelled),
            packed[:stakes],
            packed[stakes : 2 * stakes],
            packed[-2],
            packed[-1],
        )


def rollback_steps(test: PairedTest, counts: PairCounts) -> list[float]:
    """What a stretch adds to the log evidence that the challenger is worse, for each of `STAKES`."""
    outcomes = _Outcomes(counts.agreed, counts.worse, counts.better + counts.unlabelled)
    return _log_products(outcomes, test.tolerated, [part / (1 + test.tolerated) for part in STAKES])


def promotion_steps(test: PairedTest, counts: PairCounts) -> list[float]:
    """What a stretch adds to the log evidence that the challenger is not worse by the margin."""
    outcomes = _Outcomes(counts.agreed, counts.worse + counts.unlabelled, counts.better)
    return _log_products(outcomes, test.margin, [-part / (1 - test.margin) for part in STAKES])


def pairs_missing(test: PairedTest, state: PairedState) -> float:
    """Pairs until promotion, if the challenger is as good as the champion and labels come as so far.

    Infinite before the first pair, and where that leads to none: too many disagreements are without a label.
    """
    level = -math.log(test.beta)
    if state.best_promotion >= level:
        return 0.0
    if not state.seen.total:
        return math.inf
    per_pair = _growth_if_equal(test, state.seen)
    missing = [
        (level + math.log(len(STAKES)) - log) * test.dispersion / growth
        for log, growth in zip(state.log_improvements, per_pair, strict=True)
        if growth > 0
    ]
    return max(0.0, min(missing, default=math.inf))


def labels_missing(test: PairedTest, state: PairedState) -> float:
    """Labels of disagreements until promotion, as `pairs_missing`."""
    seen = state.seen
    missing = pairs_missing(test, state)
    return missing if missing in (0.0, math.inf) else missing * (seen.worse + seen.better) / seen.total


def _growth_if_equal(test: PairedTest, seen: PairCounts) -> list[float]:
    decided = (seen.worse + seen.better) / 2
    pairs = seen.total
    outcomes = _Outcomes(seen.agreed / pairs, (decided + seen.unlabelled) / pairs, decided / pairs)
    return _log_products(outcomes, test.margin, [-part / (1 - test.margin) for part in STAKES])


def _log_products(outcomes: _Outcomes, mean: float, stakes: list[float]) -> list[float]:
    return [
        outcomes.even * math.log1p(-stake * mean)
        + outcomes.worse * math.log1p(stake * (1 - mean))
        + outcomes.better * math.log1p(-stake * (1 + mean))
        for stake in stakes
    ]


def _message(state: PairedState, verdict: Verdict, needed: float, reference: str) -> str:
    if verdict is Verdict.FAIL:
        alarm = percent_text(math.exp(-state.best_rollback))
        return f"failed: {_figures(state.seen, reference)}; chance of a false alarm at most {alarm}"
    if verdict is Verdict.PASS:
        return f"passed: {_figures(state.seen, reference)}; the difference is below the margin"
    if not state.seen.total:
        return "undecided: no pairs yet"
    return f"{undecided_text(state.seen.total, needed)} ({_figures(state.seen, reference)})"


def _figures(seen: PairCounts, reference: str) -> str:
    differ = seen.worse + seen.better + seen.unlabelled
    figures = f"only one was right on {percent_text(differ / seen.total)} of the requests"
    if seen.unlabelled:
        figures = f"they disagree on {percent_text(differ / seen.total)} of the requests"
    figures += f": the challenger alone was wrong on {seen.worse}, the {reference} alone on {seen.better}"
    return figures + (f", {seen.unlabelled} have no label" if seen.unlabelled else "")
