"""The sequential test of a proportion: errors, answers slower than a boundary, wrong labels, unsure answers.

Two e-processes run side by side, over the windows of one rollout. Rollback: has the challenger more bad answers than
ratio * champion + tolerated? Promotion: has it surely fewer than ratio * champion + margin? Between the two a
challenger may be judged either way. docs/evidence.md derives what is used here.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Self

from modelrollout.evidence.counts import EMPTY_BLOCK, ArmCounts, Block
from modelrollout.evidence.eprocess import (
    NEVER,
    log_mean_exp,
    log_weighted_mean_exp,
    shiryaev_roberts_step,
)
from modelrollout.evidence.halfplane import (
    HalfPlane,
    log_e_value,
    log_e_value_against_figure,
    with_odds_scaled,
)
from modelrollout.evidence.packing import pack_floats, unpack_floats

UNMEASURED_DISPERSION = 2.0

# What a regression may look like, as multiples of the tolerated odds; in between, the nearest loses little growth.
_REGRESSIONS = (1.5, 2.0, 3.0, 5.0, 9.0, 33.0)
# Weight of a regression from the start against one of later onset. The latter has the horizon to pay for anyway.
_FROM_THE_START = 0.7
# What a good challenger may look like (`_good_rates`): as good as the champion, clearly better, or as it has shown
# itself so far; and how much of the mixture is bet on each.
GOOD_SHARES = (0.5, 0.2, 0.3)
_BETTER = 0.6
# Requests until which the hope weighs more than what the challenger has shown.
_HOPE_WEIGHT = 50
# By how much more than measured failures are taken to be bunched. A bet on a small difference gathers evidence in many
# small steps, which no cap stops: there a dispersion that the history shows too small tells most.
_CAUTION = (1.0, 1.0, 2.0)
_NEARLY_AT_MARGIN = 0.9
_GAP_LADDER = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
_BOUND_ERROR = 0.05

# The champion's rate is estimated from about its last hundred windows, but never from fewer requests than this.
_MEMORY = 0.5 ** (1 / 60)
_LEAST_MEMORY_REQUESTS = 2000.0
_HISTORY_WEIGHT = 800.0
# Without a history the rate is a guess, and a bet on a wrong guess leaves a debt. So there is none before the champion
# has shown itself in some requests, but on a challenger that hardly works.
GUESSED_RATE = 0.01
GUESSED_REQUESTS = 20.0
LEAST_KNOWN_REQUESTS = 50.0
# Where failures come in bursts, a lone window proves little: so many must agree. See `_agreement_cap`.
_AGREEING_WINDOWS = 2
_AGREEING_WINDOWS_IF_BURSTY = 3
_LARGEST_STAKE = 0.9


@dataclass(frozen=True, slots=True)
class ProportionTest:
    """What is asked of one gate; fixed for a rollout, except `dispersion`, which may be measured anew.

    ratio, tolerated: no rollback as long as challenger <= ratio * champion + tolerated.
    ratio, margin: no promotion as long as challenger >= ratio * champion + margin; a negative margin asks for better.
    alpha, beta: highest probability of a false rollback and of a false promotion over the whole rollout.
    horizon: windows over which the onset of a regression is watched for (Shiryaev-Roberts); later ones still count, but
        are not taken for an onset of their own.
    dispersion: how much more the bad counts vary than those of independent requests (`estimate_dispersion`).
    figure: a fixed rate to compare with in place of a concurrent champion.
    """

    margin: float
    tolerated: float = 0.0
    ratio: float = 1.0
    alpha: float = 0.01
    beta: float = 0.01
    horizon: int = 720
    dispersion: float = UNMEASURED_DISPERSION
    figure: float | None = None

    def __post_init__(self) -> None:
        if not (0 < self.alpha < 1 and 0 < self.beta < 1):
            raise ValueError("alpha and beta must lie between 0 and 1")
        if not 0.1 <= self.ratio <= 10:
            raise ValueError("ratio must lie between 0.1 and 10")
        if not (-1 < self.tolerated < 1 and -1 < self.margin < 1):
            raise ValueError("tolerated and margin must lie between -1 and 1")
        if self.horizon < 1 or self.dispersion < 1:
            raise ValueError("horizon and dispersion must be at least 1")
        if self.figure is not None and not 0 <= self.figure <= 1:
            raise ValueError("figure must lie between 0 and 1")


@dataclass(frozen=True, slots=True)
class ProportionState:
    """All that a test remembers between windows. Immutable."""

    windows: int = 0
    seen: Block = EMPTY_BLOCK
    pending: Block = EMPTY_BLOCK
    recent_champion_total: float = 0.0
    recent_champion_bad: float = 0.0
    log_regressions: tuple[float, ...] = (0.0,) * len(_REGRESSIONS)
    log_onsets: tuple[float, ...] = (NEVER,) * len(_REGRESSIONS)
    log_improvements: tuple[float, ...] = (0.0,) * len(GOOD_SHARES)
    log_ladder: tuple[float, ...] = (0.0,) * len(_GAP_LADDER)
    best_rollback: float = 0.0
    best_promotion: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """The state as JSON-able fields of well under 1 KiB; `from_dict` restores it exactly."""
        packed = (
            *self.log_regressions,
            *self.log_onsets,
            *self.log_improvements,
            *self.log_ladder,
            self.recent_champion_total,
            self.recent_champion_bad,
            self.best_rollback,
            self.best_promotion,
        )
        return {
            "windows": self.windows,
            "seen": self.seen.to_list(),
            "pending": self.pending.to_list(),
            "evidence": pack_floats(packed),
        }

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Self:
        """The state of `to_dict`. Raises KeyError or ValueError if the fields are not such a state."""
        effects, hopes, rungs = len(_REGRESSIONS), len(GOOD_SHARES), len(_GAP_LADDER)
        packed = iter(unpack_floats(fields["evidence"], 2 * effects + hopes + rungs + 4))
        return cls(
            windows=int(fields["windows"]),
            seen=Block.from_list(fields["seen"]),
            pending=Block.from_list(fields["pending"]),
            log_regressions=tuple(islice(packed, effects)),
            log_onsets=tuple(islice(packed, effects)),
            log_improvements=tuple(islice(packed, hopes)),
            log_ladder=tuple(islice(packed, rungs)),
            recent_champion_total=next(packed),
            recent_champion_bad=next(packed),
            best_rollback=next(packed),
            best_promotion=next(packed),
        )


def start(test: ProportionTest, champion_history: ArmCounts | None = None) -> ProportionState:
    """The state before the first window.

    `champion_history` (the champion alone, before the rollout) only sharpens the stakes: it is no evidence, and a wrong
    one costs time but not validity.
    """
    history = champion_history or ArmCounts()
    if not history.total:
        return ProportionState(
            recent_champion_total=GUESSED_REQUESTS, recent_champion_bad=GUESSED_REQUESTS * GUESSED_RATE
        )
    weight = min(_HISTORY_WEIGHT, history.total + 1.0)
    rate = (history.bad + 0.5) / (history.total + 1.0)
    return ProportionState(recent_champion_total=weight, recent_champion_bad=weight * rate)


def update(test: ProportionTest, state: ProportionState, block: Block) -> ProportionState:
    """The state after one more window. Windows must come in order, each once; an empty one is harmless.

    A window in which an arm had no request is held back and merged with the next, since it compares nothing.
    """
    seen = state.seen + block
    window = state.pending + block
    if not window.challenger.total or not (window.champion.total or test.figure is not None):
        return replace(state, seen=seen, pending=window)

    champion_rate = expected_champion_rate(test, state)
    log_regressions, log_onsets = _rollback_step(test, state, window, champion_rate)
    log_improvements = _promotion_step(test, state, window, champion_rate)
    memory = _MEMORY if state.recent_champion_total > _LEAST_MEMORY_REQUESTS else 1.0
    windows = state.windows + 1
    rollback = _log_e_rollback(test, log_regressions, log_onsets)
    return ProportionState(
        windows=windows,
        seen=seen,
        pending=EMPTY_BLOCK,
        recent_champion_total=state.recent_champion_total * memory + window.champion.total,
        recent_champion_bad=state.recent_champion_bad * memory + window.champion.bad,
        log_regressions=log_regressions,
        log_onsets=log_onsets,
        log_improvements=log_improvements,
        log_ladder=_ladder_step(test, state, window, champion_rate),
        best_rollback=max(state.best_rollback, rollback),
        best_promotion=max(state.best_promotion, _log_e_promotion(log_improvements)),
    )


def log_e_rollback(test: ProportionTest, state: ProportionState) -> float:
    """Present evidence for rollback: the weighted mean for a regression from the start and for a later onset."""
    return _log_e_rollback(test, state.log_regressions, state.log_onsets)


def expected_champion_rate(test: ProportionTest, state: ProportionState) -> float:
    """The champion's rate of late, or the figure that stands in for it."""
    if test.figure is not None:
        return test.figure
    return state.recent_champion_bad / state.recent_champion_total


def _is_champion_known(test: ProportionTest, state: ProportionState) -> bool:
    return test.figure is not None or state.recent_champion_total >= LEAST_KNOWN_REQUESTS


def gap_bound(test: ProportionTest, state: ProportionState) -> float:
    """Upper 95 % confidence bound, at every look, of how far the challenger's rate lies beyond the margin.

    That is challenger - (ratio * champion + margin): 1 while nothing is known, 0 once the margin is surely kept.
    If the gap changes over time this bounds the smallest it has been: the rollback evidence watches for growth.
    """
    threshold = -math.log(_BOUND_ERROR)
    if state.best_promotion >= threshold:
        return 0.0
    reached = [gap for gap, log_e in zip(_GAP_LADDER, state.log_ladder, strict=True) if log_e >= threshold]
    return min(reached) - test.margin if reached else 1.0


def hoped_rate(null: HalfPlane, champion_rate: float) -> float:
    """The rate of a challenger worth promoting: the champion's, or just below the boundary if lower."""
    return min(champion_rate, _nearly_at(null, champion_rate))


def _nearly_at(null: HalfPlane, champion_rate: float) -> float:
    return with_odds_scaled(null.allowed(champion_rate), _NEARLY_AT_MARGIN)


def _good_rates(null: HalfPlane, champion_rate: float, state: ProportionState) -> tuple[float, ...]:
    """Rates of challengers worth promoting, one for each of `GOOD_SHARES`, by what was known before the window."""
    hoped = hoped_rate(null, champion_rate)
    # What is pending is a part of the window.
    total = state.seen.challenger.total - state.pending.challenger.total
    bad = state.seen.challenger.bad - state.pending.challenger.bad
    shown = (bad + _HOPE_WEIGHT * hoped) / (total + _HOPE_WEIGHT)
    return hoped, with_odds_scaled(hoped, _BETTER), min(shown, _nearly_at(null, champion_rate))


def _log_e_promotion(log_improvements: tuple[float, ...]) -> float:
    return log_weighted_mean_exp(zip(GOOD_SHARES, log_improvements, strict=True))


def _log_e_rollback(test: ProportionTest, log_regressions: tuple[float, ...], log_onsets: tuple[float, ...]) -> float:
    later = log_mean_exp(log_onsets) - math.log(test.horizon)
    return log_weighted_mean_exp(((_FROM_THE_START, log_mean_exp(log_regressions)), (1 - _FROM_THE_START, later)))


def _window_log_e(
    test: ProportionTest, window: Block, null: HalfPlane, champion_rate: float, challenger_rate: float
) -> float:
    if test.figure is None:
        return log_e_value(window, null, champion_rate, challenger_rate)
    challenger = window.challenger
    return log_e_value_against_figure(challenger.total, challenger.bad, null.allowed(champion_rate), challenger_rate)


def _rollback_step(
    test: ProportionTest, state: ProportionState, window: Block, champion_rate: float
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    null = HalfPlane(test.ratio, test.tolerated)
    champion_rate = null.nearest(champion_rate)
    allowed = null.allowed(champion_rate)
    cap = _agreement_cap(test, test.alpha)
    starts = state.windows < test.horizon
    regressions, onsets = [], []
    known = _is_champion_known(test, state)
    for odds, log_regression, log_onset in zip(_REGRESSIONS, state.log_regressions, state.log_onsets, strict=True):
        factor = 0.0
        if known or odds == _REGRESSIONS[-1]:
            factor = _window_log_e(test, window, null, champion_rate, with_odds_scaled(allowed, odds)) / test.dispersion
        if factor > cap:
            factor = min(factor, max(cap, _lone_window_cap(test, window.challenger, allowed, odds)))
        regressions.append(log_regression + factor)
        onsets.append(shiryaev_roberts_step(log_onset, factor, start=starts))
    return tuple(regressions), tuple(onsets)


def _promotion_step(
    test: ProportionTest, state: ProportionState, window: Block, champion_rate: float
) -> tuple[float, ...]:
    if not _is_champion_known(test, state):
        return state.log_improvements
    null = HalfPlane(test.ratio, test.margin)
    cap = _agreement_cap(test, test.beta)
    champion_rate = null.nearest(champion_rate)
    steps = []
    good_rates = _good_rates(null, champion_rate, state)
    for rate, caution, log_improvement in zip(good_rates, _CAUTION, state.log_improvements, strict=True):
        factor = _window_log_e(test, window, null, champion_rate, rate)
        dispersion = 1 + caution * (test.dispersion - 1)
        steps.append(log_improvement + min(factor / dispersion, cap))
    return tuple(steps)


def _ladder_step(
    test: ProportionTest, state: ProportionState, window: Block, champion_rate: float
) -> tuple[float, ...]:
    """Rungs beyond the margin, up to the first that is reached: the bound never takes back what it excluded."""
    if not _is_champion_known(test, state):
        return state.log_ladder
    cap = _agreement_cap(test, _BOUND_ERROR)
    threshold = -math.log(_BOUND_ERROR)
    steps = list(state.log_ladder)
    for rung, gap in enumerate(_GAP_LADDER):
        if steps[rung] >= threshold:
            break
        if gap <= test.margin:
            continue
        null = HalfPlane(test.ratio, gap)
        rate = null.nearest(champion_rate)
        factor = _window_log_e(test, window, null, rate, hoped_rate(null, rate))
        steps[rung] += min(factor / test.dispersion, cap)
    return tuple(steps)


def _agreement_cap(test: ProportionTest, error: float) -> float:
    """Most that one window may add, so that several must agree before anything is decided.

    Lowering an e-value keeps it one; what the cap buys is that a burst which the measured dispersion does not
    know of (a bad second of one pod) decides nothing.
    """
    windows = _AGREEING_WINDOWS if test.dispersion <= UNMEASURED_DISPERSION else _AGREEING_WINDOWS_IF_BURSTY
    return -math.log(error) / windows


def _lone_window_cap(test: ProportionTest, challenger: ArmCounts, allowed: float, odds: float) -> float:
    """How far a window may go beyond the agreement cap on its own.

    However failures are bunched, 1 + stake * (share of bad answers - allowed) is an e-value as long as the
    challenger's rate is at most `allowed` (Markov's inequality), so gross failures may count for that much.
    The largest effect, of a challenger that hardly works, may even decide alone where no bursts were
    measured, but only early: a few clean windows rule this effect out, and a later onset has the horizon to
    pay for.
    """
    if odds == _REGRESSIONS[-1] and test.dispersion <= UNMEASURED_DISPERSION:
        return deciding_alone(test)
    stake = min(_LARGEST_STAKE / allowed, challenger.total * (odds - 1) / test.dispersion)
    return math.log1p(stake * (challenger.bad / challenger.total - allowed))


def deciding_alone(test: ProportionTest) -> float:
    """Evidence in the largest effect alone that decides at the start in one window and later in two."""
    early = math.log(len(_REGRESSIONS) / _FROM_THE_START / test.alpha)
    late = math.log(len(_REGRESSIONS) * test.horizon / (1 - _FROM_THE_START) / test.alpha)
    return max(early, late / 2) + 0.2
