"""The sequential test of a mean from sums and counts: squared error, loss, business value (as cost).

A window's unit is the difference of the two arms' means, so the variance is that between windows and includes
whatever bursts there are. For stakes l the factors exp(l u - l^2 v / 2) with u the weighted difference from
the null and v at least u^2 form an e-process when differences are symmetric, since cosh(x) <= exp(x^2 / 2) (de la
Pena, "A general class of exponential inequalities", 1999), and otherwise in the limit of many windows, hence
`Guarantee.ASYMPTOTIC`. v is the larger of u^2 and the squared residual about the mean so far. For RMSE use squared
errors and the square of the ratio.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Self

from modelrollout.evidence.eprocess import NEVER, log_mean_exp, shiryaev_roberts_step
from modelrollout.evidence.packing import pack_floats, unpack_floats
from modelrollout.evidence.sequential import SETTLED, Evidence, Settled, verdict_of
from modelrollout.evidence.verdict import Guarantee, Judgement, Verdict, number_text, undecided_text

_BURN_IN_WINDOWS = 30
_LEAST_REQUESTS = 20
_AGREEING_WINDOWS = 3
# Stakes by the effect they suit, in standard deviations of one window.
_EFFECTS = (0.05, 0.1, 0.2, 0.4, 0.8)


@dataclass(frozen=True, slots=True)
class ArmSum:
    """Number of observations of one arm in a window and their sum."""

    count: int = 0
    total: float = 0.0

    def __add__(self, other: "ArmSum") -> "ArmSum":
        return ArmSum(self.count + other.count, self.total + other.total)

    @property
    def mean(self) -> float | None:
        """Mean of the observations, None without any."""
        return self.total / self.count if self.count else None


@dataclass(frozen=True, slots=True)
class MeanTest:
    """As `ProportionTest`, in the unit of the metric; `ratio` suits only metrics that are never negative.

    higher_is_better: whether `tolerated` and `margin` are of how much lower the challenger's mean is, not higher.
    """

    margin: float
    tolerated: float = 0.0
    ratio: float = 1.0
    alpha: float = 0.01
    beta: float = 0.01
    horizon: int = 720
    higher_is_better: bool = False


_NOTHING = ArmSum()


@dataclass(frozen=True, slots=True)
class MeanState:
    """All that a test remembers between windows."""

    windows: int = 0
    champion: ArmSum = _NOTHING
    challenger: ArmSum = _NOTHING
    pending_champion: ArmSum = _NOTHING
    pending_challenger: ArmSum = _NOTHING
    pending_settled: Settled = SETTLED
    weight: float = 0.0
    weighted_gap: float = 0.0
    variance: float = 0.0
    log_regressions: tuple[float, ...] = (0.0,) * len(_EFFECTS)
    log_onsets: tuple[float, ...] = (NEVER,) * len(_EFFECTS)
    log_improvements: tuple[float, ...] = (0.0,) * len(_EFFECTS)
    best_rollback: float = 0.0
    best_promotion: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """The state as JSON-able fields of well under 1 KiB; `from_dict` restores it exactly."""
        arms = (self.champion, self.challenger, self.pending_champion, self.pending_challenger)
        packed = (
            *(arm.total for arm in arms),
            self.weight,
            self.weighted_gap,
            self.variance,
            self.best_rollback,
            self.best_promotion,
            *self.log_regressions,
            *self.log_onsets,
            *self.log_improvements,
        )
        fields = {
            "windows": self.windows,
            "counts": [arm.count for arm in arms],
            "evidence": pack_floats(packed),
        }
        return fields if self.pending_settled == SETTLED else {**fields, "settled": list(self.pending_settled)}

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Self:
        """The state of `to_dict`. Raises KeyError or ValueError if the fields are not such a state."""
        effects = len(_EFFECTS)
        packed = iter(unpack_floats(fields["evidence"], 9 + 3 * effects))
        champion, challenger, pending_champion, pending_challenger = (
            ArmSum(count, next(packed)) for count in fields["counts"]
        )
        return cls(
            windows=int(fields["windows"]),
            champion=champion,
            challenger=challenger,
            pending_champion=pending_champion,
            pending_challenger=pending_challenger,
            pending_settled=Settled.from_list(list(fields.get("settled", SETTLED))),
            weight=next(packed),
            weighted_gap=next(packed),
            variance=next(packed),
            best_rollback=next(packed),
            best_promotion=next(packed),
            log_regressions=tuple(islice(packed, effects)),
            log_onsets=tuple(islice(packed, effects)),
            log_improvements=tuple(islice(packed, effects)),
        )


def update_mean(
    test: MeanTest, state: MeanState, champion: ArmSum, challenger: ArmSum, settled: Settled = SETTLED
) -> MeanState:
    """The state after one more window; a thin one is held back and merged with the next.

    The first 30 windows only teach the scale of the metric and are no evidence. Raises ValueError for a sum
    that is not finite: such a sample is to be treated as missing.
    """
    if not (math.isfinite(champion.total) and math.isfinite(challenger.total)):
        raise ValueError("sums must be finite")
    settled &= state.pending_settled
    state = replace(
        state,
        champion=state.champion + champion,
        challenger=state.challenger + challenger,
        pending_champion=state.pending_champion + champion,
        pending_challenger=state.pending_challenger + challenger,
        pending_settled=settled,
    )
    ours, theirs = state.pending_challenger, state.pending_champion
    if min(ours.count, theirs.count) < _LEAST_REQUESTS:
        return state
    gap = _gap(test, theirs.total / theirs.count, ours.total / ours.count)
    weight = theirs.count * ours.count / (theirs.count + test.ratio**2 * ours.count)
    expected = state.weighted_gap / state.weight if state.weight else gap
    squared_residual = weight * (gap - expected) ** 2
    learnt = replace(
        state,
        windows=state.windows + 1,
        pending_champion=_NOTHING,
        pending_challenger=_NOTHING,
        pending_settled=SETTLED,
        weight=state.weight + weight,
        weighted_gap=state.weighted_gap + weight * gap,
        variance=state.variance + squared_residual,
    )
    if state.windows < _BURN_IN_WINDOWS or not state.variance:
        return learnt
    deviation = math.sqrt(state.variance / state.windows)
    excess = math.sqrt(weight) * (gap - test.tolerated) / deviation
    shortfall = math.sqrt(weight) * (test.margin - gap) / deviation
    residual = squared_residual / deviation**2
    starts = state.windows - _BURN_IN_WINDOWS < test.horizon
    if settled.rollback:
        steps = [_factor(effect, excess, residual, test.alpha) for effect in _EFFECTS]
        learnt = replace(
            learnt,
            log_regressions=tuple(map(sum, zip(state.log_regressions, steps, strict=True))),
            log_onsets=tuple(
                shiryaev_roberts_step(log, step, start=starts)
                for log, step in zip(state.log_onsets, steps, strict=True)
            ),
        )
    if settled.promotion:
        steps = [_factor(effect, shortfall, residual, test.beta) for effect in _EFFECTS]
        learnt = replace(learnt, log_improvements=tuple(map(sum, zip(state.log_improvements, steps, strict=True))))
    return replace(
        learnt,
        best_rollback=max(state.best_rollback, _log_e_rollback(test, learnt)),
        best_promotion=max(state.best_promotion, log_mean_exp(learnt.log_improvements)),
    )


def judge_mean(test: MeanTest, state: MeanState, reference: str = "champion") -> Judgement:
    """The verdict of a gate on a mean, by the rules of `judge`; `requests_needed` assumes equal means."""
    rollback = _log_e_rollback(test, state)
    needed = _requests_needed(test, state)
    means = (
        f"mean {number_text(state.challenger.mean)} of the challenger, {number_text(state.champion.mean)} of the "
        f"{reference}"
    )
    verdict = verdict_of(Evidence(rollback, state.best_rollback, state.best_promotion), test.alpha, test.beta)
    if verdict is Verdict.FAIL:
        message = f"failed: {means}"
    elif verdict is Verdict.PASS:
        message = f"passed: {means}; the difference is below the margin"
    elif state.variance:
        message = undecided_text(state.challenger.count, needed)
    else:
        message = "undecided: there are too few windows yet to tell how much the mean varies from one to the next"
    return Judgement(
        verdict=verdict,
        guarantee=Guarantee.ASYMPTOTIC,
        message=message,
        log_e_rollback=rollback,
        log_e_promotion=state.best_promotion,
        champion_rate=state.champion.mean,
        challenger_rate=state.challenger.mean,
        gap_bound=None,
        requests_seen=state.challenger.count,
        requests_needed=needed,
    )


def _gap(test: MeanTest, champion: float, challenger: float) -> float:
    """How much worse the challenger is than the null hypotheses of margin 0 allow."""
    excess = challenger - test.ratio * champion
    return -excess if test.higher_is_better else excess


def _log_e_rollback(test: MeanTest, state: MeanState) -> float:
    later = log_mean_exp(state.log_onsets) - math.log(test.horizon)
    return log_mean_exp((log_mean_exp(state.log_regressions), later))


def _factor(effect: float, excess: float, residual: float, error: float) -> float:
    """Exact for symmetric differences if the square is of the excess or larger; about the running mean it is not."""
    square = max(excess**2, residual)
    return min(effect * excess - effect**2 * square / 2, -math.log(error) / _AGREEING_WINDOWS)


def _requests_needed(test: MeanTest, state: MeanState) -> float:
    """Challenger requests until promotion, with equal means and windows like those so far."""
    if state.best_promotion >= -math.log(test.beta):
        return state.challenger.count
    if not state.windows or not state.variance:
        return math.inf
    mean = state.champion.mean or 0.0
    equal = _gap(test, mean, mean)
    effect = (test.margin - equal) / math.sqrt(state.variance / state.weight)
    if effect <= 0:
        return math.inf
    missing = -math.log(test.beta) + math.log(len(_EFFECTS)) - max(state.log_improvements)
    burn_in = max(0, _BURN_IN_WINDOWS - state.windows)
    windows = burn_in + max(0.0, missing) * 2 / effect**2
    return state.challenger.count * (1 + windows / state.windows)
