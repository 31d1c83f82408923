"""The proportion test over many rollouts at once, in numpy, for simulation only.

The same formulas as modelrollout.evidence.proportion, one row per rollout; test_vectorised holds the two equal.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from modelrollout.evidence import proportion as engine
from modelrollout.evidence.halfplane import _LARGEST_STAKE as LARGEST_STAKE
from modelrollout.evidence.halfplane import _PROJECTION_STEPS as PROJECTION_STEPS
from modelrollout.evidence.halfplane import RATE_FLOOR
from modelrollout.evidence.proportion import ProportionTest

Array = np.ndarray


@dataclass(frozen=True)
class Windows:
    """One window of every rollout: integer arrays of one length."""

    champion_total: Array
    champion_bad: Array
    challenger_total: Array
    challenger_bad: Array


class VectorisedTest:
    """State of one gate over `rollouts` rollouts; `dispersion` may differ between them."""

    def __init__(
        self,
        test: ProportionTest,
        history_total: Array,
        history_bad: Array,
        dispersion: Array | float | None = None,
        ladder: bool = False,
    ) -> None:
        rollouts = len(history_total)
        self.test = test
        self.dispersion = np.broadcast_to(test.dispersion if dispersion is None else dispersion, rollouts)
        self.ladder = ladder
        self.windows = np.zeros(rollouts, int)
        known = history_total > 0
        weight = np.where(known, np.minimum(engine._HISTORY_WEIGHT, history_total + 1.0), engine.GUESSED_REQUESTS)
        rate = np.where(known, (history_bad + 0.5) / (history_total + 1.0), engine.GUESSED_RATE)
        self.recent_total, self.recent_bad = weight, weight * rate
        self.pending = np.zeros((4, rollouts), int)
        effects = len(engine._REGRESSIONS)
        self.log_regressions = np.zeros((effects, rollouts))
        self.log_onsets = np.full((effects, rollouts), -np.inf)
        self.log_improvements = np.zeros((len(engine.GOOD_SHARES), rollouts))
        self.log_ladder = np.zeros((len(engine._GAP_LADDER), rollouts))
        self.log_e_rollback = np.zeros(rollouts)
        self.log_e_promotion = np.zeros(rollouts)
        self.best_rollback = np.zeros(rollouts)
        self.best_promotion = np.zeros(rollouts)
        self.gap_bound = np.ones(rollouts)
        self.challenger_seen = np.zeros(rollouts, int)
        # Of the challenger, without what is pending.
        self.shown_total, self.shown_bad = np.zeros(rollouts, int), np.zeros(rollouts, int)

    def update(self, window: Windows) -> None:
        counts = self.pending + np.array(
            [window.champion_total, window.champion_bad, window.challenger_total, window.challenger_bad]
        )
        self.challenger_seen = self.challenger_seen + window.challenger_total
        ready = (counts[2] > 0) & ((counts[0] > 0) | (self.test.figure is not None))
        self.pending = np.where(ready, 0, counts)
        # Rollouts that wait get a window that teaches nothing.
        counts = np.where(ready, counts, np.array([[1], [0], [1], [0]]))
        rate = (
            np.full(len(ready), self.test.figure)
            if self.test.figure is not None
            else (self.recent_bad / self.recent_total)
        )
        regressions, onsets = self._rollback(counts, rate)
        self.log_regressions = np.where(ready, regressions, self.log_regressions)
        self.log_onsets = np.where(ready, onsets, self.log_onsets)
        self.log_improvements = np.where(ready, self._promotion(counts, rate), self.log_improvements)
        if self.ladder:
            self._climb(counts, rate, ready)
        memory = np.where(self.recent_total > engine._LEAST_MEMORY_REQUESTS, engine._MEMORY, 1.0)
        self.recent_total = np.where(ready, self.recent_total * memory + counts[0], self.recent_total)
        self.recent_bad = np.where(ready, self.recent_bad * memory + counts[1], self.recent_bad)
        self.shown_total = self.shown_total + np.where(ready, counts[2], 0)
        self.shown_bad = self.shown_bad + np.where(ready, counts[3], 0)
        self.windows += ready
        early = engine._FROM_THE_START
        self.log_e_rollback = np.logaddexp(
            math.log(early) + _log_mean_exp(self.log_regressions),
            math.log((1 - early) / self.test.horizon) + _log_mean_exp(self.log_onsets),
        )
        self.log_e_promotion = _log_mean_exp(self.log_improvements, engine.GOOD_SHARES)
        self.best_rollback = np.maximum(self.best_rollback, self.log_e_rollback)
        self.best_promotion = np.maximum(self.best_promotion, self.log_e_promotion)
        if self.ladder:
            reached = self.best_promotion >= -math.log(engine._BOUND_ERROR)
            self.gap_bound = np.where(reached, 0.0, self.gap_bound)

    @property
    def failed(self) -> Array:
        return self.best_rollback >= -math.log(self.test.alpha)

    @property
    def passed(self) -> Array:
        return (self.best_promotion >= -math.log(self.test.beta)) & (
            self.log_e_rollback < -math.log(self.test.alpha) / 2
        )

    @property
    def _known(self) -> Array:
        return (self.recent_total >= engine.LEAST_KNOWN_REQUESTS) | (self.test.figure is not None)

    def _rollback(self, counts: Array, rate: Array) -> tuple[Array, Array]:
        ratio, offset = self.test.ratio, self.test.tolerated
        rate = _nearest(rate, ratio, offset)
        allowed = ratio * rate + offset
        cap = self._rollback_cap(counts, allowed)
        hopes = _with_odds_scaled(allowed, np.array(engine._REGRESSIONS)[:, None])
        factor = np.minimum(self._log_e(counts, offset, rate, hopes) / self.dispersion, cap)
        factor[:-1] = np.where(self._known, factor[:-1], 0.0)
        starts = self.windows < self.test.horizon
        grown = np.where(starts, np.logaddexp(self.log_onsets, 0.0), self.log_onsets)
        return self.log_regressions + factor, grown + factor

    def _promotion(self, counts: Array, rate: Array) -> Array:
        offset = self.test.margin
        rate, hoped = self._hoped(rate, offset)
        shown = (self.shown_bad + engine._HOPE_WEIGHT * hoped) / (self.shown_total + engine._HOPE_WEIGHT)
        near = _with_odds_scaled(self.test.ratio * rate + offset, engine._NEARLY_AT_MARGIN)
        hopes = np.array([hoped, _with_odds_scaled(hoped, engine._BETTER), np.minimum(shown, near)])
        dispersion = 1 + np.array(engine._CAUTION)[:, None] * (self.dispersion - 1)
        factor = self._log_e(counts, offset, rate, hopes) / dispersion
        steps = np.minimum(factor, self._agreement_cap(self.test.beta))
        return self.log_improvements + np.where(self._known, steps, 0.0)

    def _climb(self, counts: Array, rate: Array, ready: Array) -> None:
        threshold = -math.log(engine._BOUND_ERROR)
        cap = self._agreement_cap(engine._BOUND_ERROR)
        going = ready & self._known
        for rung, gap in enumerate(engine._GAP_LADDER):
            if gap <= self.test.margin:
                continue
            going = going & (self.log_ladder[rung] < threshold)
            at, hoped = self._hoped(rate, gap)
            factor = np.minimum(self._log_e(counts, gap, at, hoped[None])[0] / self.dispersion, cap)
            self.log_ladder[rung] += np.where(going, factor, 0.0)
            reached = self.log_ladder[rung] >= threshold
            beyond = gap - self.test.margin
            self.gap_bound = np.where(reached, np.minimum(self.gap_bound, beyond), self.gap_bound)

    def _hoped(self, rate: Array, offset: float) -> tuple[Array, Array]:
        rate = _nearest(rate, self.test.ratio, offset)
        below = _with_odds_scaled(self.test.ratio * rate + offset, engine._NEARLY_AT_MARGIN)
        return rate, np.minimum(rate, below)

    def _log_e(self, counts: Array, offset: float, champion_rate: Array, challenger_rate: Array) -> Array:
        champion_total, champion_bad, challenger_total, challenger_bad = counts
        ratio = self.test.ratio
        if self.test.figure is not None:
            null = ratio * champion_rate + offset
            return challenger_bad * np.log(challenger_rate / null) + (challenger_total - challenger_bad) * np.log(
                (1 - challenger_rate) / (1 - null)
            )
        excess = challenger_rate - offset
        a = (champion_total * champion_rate + challenger_total * excess) / (champion_total + ratio * challenger_total)
        a = _nearest(a, ratio, offset)
        for _ in range(PROJECTION_STEPS):
            b = ratio * a + offset
            champion_weight = champion_total * b * (1 - b)
            challenger_weight = ratio * challenger_total * a * (1 - a)
            a = (champion_weight * champion_rate + challenger_weight * excess) / (
                champion_weight + ratio * challenger_weight
            )
            a = _nearest(a, ratio, offset)
        b = ratio * a + offset
        challenger_stake = (challenger_rate - b) / (b * (1 - b))
        champion_stake = challenger_stake * challenger_total * ratio / champion_total
        limit = np.where(champion_stake > 0, LARGEST_STAKE / (1 - a), LARGEST_STAKE / a)
        shrink = np.minimum(1.0, limit / np.maximum(np.abs(champion_stake), 1e-300))
        challenger_stake, champion_stake = challenger_stake * shrink, champion_stake * shrink
        return (
            (challenger_total - challenger_bad) * np.log1p(-challenger_stake * b)
            + (champion_total - champion_bad) * np.log1p(champion_stake * a)
            + challenger_bad * np.log1p(challenger_stake * (1 - b))
            + champion_bad * np.log1p(-champion_stake * (1 - a))
        )

    def _agreement_cap(self, error: float) -> Array:
        bursty = self.dispersion > engine.UNMEASURED_DISPERSION
        return -math.log(error) / np.where(bursty, engine._AGREEING_WINDOWS_IF_BURSTY, engine._AGREEING_WINDOWS)

    def _rollback_cap(self, counts: Array, allowed: Array) -> Array:
        odds = np.array(engine._REGRESSIONS)[:, None]
        stake = np.minimum(engine._LARGEST_STAKE / allowed, counts[2] * (odds - 1) / self.dispersion)
        lone = np.log1p(np.maximum(stake * (counts[3] / counts[2] - allowed), -0.9))
        lone[-1] = np.where(
            self.dispersion <= engine.UNMEASURED_DISPERSION,
            engine.deciding_alone(self.test),
            lone[-1],
        )
        return np.maximum(self._agreement_cap(self.test.alpha), lone)


def _nearest(rate: Array, ratio: float, offset: float) -> Array:
    low = max(RATE_FLOOR, (RATE_FLOOR - offset) / ratio)
    high = min(1 - RATE_FLOOR, (1 - RATE_FLOOR - offset) / ratio)
    return np.clip(rate, low, high)


def _with_odds_scaled(rate: Array, factor: Array | float) -> Array:
    scaled = rate * factor
    return scaled / (1 - rate + scaled)


def _log_mean_exp(logs: Array, shares: Sequence[float] | None = None) -> Array:
    top = logs.max(axis=0)
    safe = np.where(np.isfinite(top), top, 0.0)
    with np.errstate(divide="ignore"):
        return safe + np.log(np.average(np.exp(logs - safe), axis=0, weights=shares))
