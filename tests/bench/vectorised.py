"""The proportion test over many rollouts at once, in numpy, for simulation only.

The same formulas as modelrollout.evidence.proportion, one row per rollout; test_vectorised holds the two equal.
"""

import math
from copy import deepcopy
from dataclasses import dataclass

import numpy as np

from modelrollout.evidence.halfplane import _LARGEST_STAKE as LARGEST_STAKE
from modelrollout.evidence.halfplane import _PROJECTION_STEPS as PROJECTION_STEPS
from modelrollout.evidence.proportion import (
    UNMEASURED_DISPERSION,
    ProportionTest,
    baseline_rate,
    bets,
    bound,
    retreat,
    step,
)
from modelrollout.evidence.proportion.question import AGREEING_MINUTES, AGREEING_MINUTES_IF_BURSTY
from tests.bench.rows import Array, at_worst, both_settled, log_mean_exp, nearest, settled_rows, with_odds_scaled


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
        self.minute_of = np.zeros(rollouts, int)
        known = history_total > 0
        weight = np.where(
            known, np.minimum(baseline_rate.HISTORY_WEIGHT, history_total + 1.0), baseline_rate.GUESSED_REQUESTS
        )
        rate = np.where(known, (history_bad + 0.5) / (history_total + 1.0), baseline_rate.GUESSED_RATE)
        self.recent_total, self.recent_bad = weight, weight * rate
        self.pending = np.zeros((4, rollouts), int)
        self.pending_settled = settled_rows(rollouts)
        effects = len(bets.REGRESSIONS)
        self.log_regressions = np.zeros((effects, rollouts))
        self.log_onsets = np.full((effects, rollouts), -np.inf)
        self.log_improvements = np.zeros((len(bets.GOOD_SHARES), rollouts))
        self.doubted = np.zeros((effects, rollouts), bool)
        self.regression_minute = np.zeros((effects, rollouts))
        self.improvement_minute = np.zeros((len(bets.GOOD_SHARES), rollouts))
        self.log_ladder = np.zeros((len(bound.GAP_LADDER), rollouts))
        self.log_e_rollback = np.zeros(rollouts)
        self.log_e_promotion = np.zeros(rollouts)
        self.best_rollback = np.zeros(rollouts)
        self.best_promotion = np.zeros(rollouts)
        self.gap_bound = np.ones(rollouts)
        # Of the challenger, for the promotion.
        self.judged = np.zeros(rollouts, int)
        # Of the challenger, without what is pending.
        self.shown_total, self.shown_bad = np.zeros(rollouts, int), np.zeros(rollouts, int)

    def update(self, window: Windows, settled: Array | None = None, tolerated: Array | float | None = None) -> None:
        """One window. settled: rows as the fields of `Settled`; all are where it is missing.

        tolerated: in place of the test's, where it differs between rollouts.
        """
        counts = self.pending + np.array(
            [window.champion_total, window.champion_bad, window.challenger_total, window.challenger_bad]
        )
        ready = (counts[2] > 0) & ((counts[0] > 0) | (self.test.figure is not None))
        settled = self.pending_settled if settled is None else both_settled(self.pending_settled, settled)
        self.pending = np.where(ready, 0, counts)
        self.pending_settled = np.where(ready, settled_rows(len(ready)), settled)
        self._begin_minute(ready)
        # Rollouts that wait get a window that teaches nothing.
        counts = np.where(ready, counts, np.array([[1], [0], [1], [0]]))
        rate = (
            np.full(len(ready), self.test.figure)
            if self.test.figure is not None
            else (self.recent_bad / self.recent_total)
        )
        is_settled = settled[0] > 0
        self.judged = self.judged + np.where(ready & is_settled, counts[2], 0)
        exposed = at_worst(counts, settled)
        comparable = exposed[0] > 0 if self.test.figure is None else settled[1] == 0
        exposed = np.where(comparable, exposed, np.array([[1], [0], [1], [0]]))
        self._rollback(
            exposed, rate, ready & comparable, settled, self.test.tolerated if tolerated is None else tolerated
        )
        going = ready & is_settled & self._known
        self._promotion(counts, rate, going)
        if self.ladder:
            self._climb(counts, rate, going)
        memory = np.where(self.recent_total > baseline_rate.LEAST_MEMORY_REQUESTS, baseline_rate.MEMORY, 1.0)
        self.recent_total = np.where(ready, self.recent_total * memory + counts[0], self.recent_total)
        self.recent_bad = np.where(ready, self.recent_bad * memory + counts[1], self.recent_bad)
        self.shown_total = self.shown_total + np.where(ready, counts[2], 0)
        self.shown_bad = self.shown_bad + np.where(ready, counts[3], 0)
        self.windows += ready
        early, shares = bets.FROM_THE_START, bets.REGRESSION_SHARES
        self.log_e_rollback = np.logaddexp(
            math.log(early) + log_mean_exp(self.log_regressions, shares),
            math.log((1 - early) / self.test.horizon) + log_mean_exp(self.log_onsets, shares),
        )
        self.log_e_promotion = log_mean_exp(self.log_improvements, bets.GOOD_SHARES)
        self.best_rollback = np.maximum(self.best_rollback, self.log_e_rollback)
        self.best_promotion = np.maximum(self.best_promotion, self.log_e_promotion)
        if self.ladder:
            reached = self.best_promotion >= bound.LEVEL
            self.gap_bound = np.where(reached, 0.0, self.gap_bound)

    def _begin_minute(self, ready: Array) -> None:
        """As the engine: a minute ends with the first window that compares something after its time."""
        self.minute_of = self.minute_of + 1
        over = ready & (self.minute_of > self.test.windows_per_minute)
        self.minute_of = np.where(over, 1, self.minute_of)
        self.regression_minute[:, over] = 0.0
        self.improvement_minute[:, over] = 0.0

    def looks_gross(self, window: Windows, settled: Array | None = None) -> Array:
        """`looks_gross` of the engine, before the window is counted."""
        counts = self.pending + np.array(
            [window.champion_total, window.champion_bad, window.challenger_total, window.challenger_bad]
        )
        if settled is not None:
            counts = at_worst(counts, both_settled(self.pending_settled, settled))
        comparable = (counts[3] >= retreat.LEAST_BAD) & ((counts[0] > 0) | (self.test.figure is not None))
        counts = np.where(comparable, counts, np.array([[1], [0], [1], [0]]))
        offset, rate = self.test.tolerated, self.recent_bad / self.recent_total
        if self.test.figure is not None:
            rate = np.full(len(rate), self.test.figure)
        rate = nearest(rate, self.test.ratio, offset)
        odds = np.array([odds for odds in bets.REGRESSIONS if odds >= bets.GROSS])[:, None]
        rates = with_odds_scaled(self.test.ratio * rate + offset, odds)
        steps = self._log_e(counts, offset, rate, rates, self.dispersion)
        found: Array = comparable & (steps.max(axis=0) > retreat.ALARM)
        return found

    def fails_next(self, window: Windows, settled: Array) -> Array:
        """Which rollouts are failed if the next window is like this one, which was just counted."""
        ahead = deepcopy(self)
        ahead.update(window, settled)
        return ahead.failed

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
        return (self.recent_total >= baseline_rate.LEAST_KNOWN_REQUESTS) | (self.test.figure is not None)

    def _rollback(self, counts: Array, rate: Array, going: Array, settled: Array, offset: Array | float) -> None:
        ratio = self.test.ratio
        rate = nearest(rate, ratio, offset)
        allowed = ratio * rate + offset
        odds = np.array(bets.REGRESSIONS)[:, None]
        factor = self._log_e(counts, offset, rate, with_odds_scaled(allowed, odds), self.dispersion)
        factor[:-1] = np.where(self._known, factor[:-1], 0.0)
        unsettled = settled[1] > 0
        speaks_for = factor > 0
        hedged = np.where(self.doubted, 0.0, np.logaddexp(0.0, factor) - math.log(2))
        factor = np.where(unsettled, hedged, factor)
        self.doubted = np.where(going, unsettled & (self.doubted | ~speaks_for), self.doubted)
        cap = self._agreement_cap(self.test.alpha)
        gathered = self.regression_minute
        by_minute = np.minimum(gathered + factor, cap) - np.minimum(gathered, cap)
        alone = np.where(gathered + factor > cap, self._alone(counts, allowed), 0.0)
        alone[-1] += gathered[-1]
        by_step = np.minimum(factor, np.maximum(np.maximum(cap, alone) - gathered, 0.0))
        gross = odds >= bets.GROSS
        counted = np.where(gross, by_step, by_minute)
        starts = self.windows < self.test.horizon
        grown = np.where(starts, np.logaddexp(self.log_onsets, 0.0), self.log_onsets)
        together = np.maximum(gathered + np.where(gross, counted, factor), 0.0)
        self.regression_minute = np.where(going, together, gathered)
        self.log_regressions = np.where(going, self.log_regressions + counted, self.log_regressions)
        self.log_onsets = np.where(going, grown + counted, self.log_onsets)

    def _promotion(self, counts: Array, rate: Array, going: Array) -> None:
        offset = self.test.margin
        rate, hoped = self._hoped(rate, offset)
        shown = (self.shown_bad + bets.HOPE_WEIGHT * hoped) / (self.shown_total + bets.HOPE_WEIGHT)
        near = with_odds_scaled(self.test.ratio * rate + offset, bets.NEARLY_AT_MARGIN)
        hopes = np.array([hoped, with_odds_scaled(hoped, bets.BETTER)])
        factor = np.concatenate(
            [
                self._log_e(counts, offset, rate, hopes, self.dispersion),
                self._log_e(
                    counts, offset, rate, np.minimum(shown, near)[None], 1 + bets.CAUTION * (self.dispersion - 1)
                ),
            ]
        )
        cap, gathered = self._agreement_cap(self.test.beta), self.improvement_minute
        counted = np.minimum(gathered + factor, cap) - np.minimum(gathered, cap)
        self.improvement_minute = np.where(going, np.maximum(gathered + factor, 0.0), gathered)
        self.log_improvements = np.where(going, self.log_improvements + counted, self.log_improvements)

    def _climb(self, counts: Array, rate: Array, going: Array) -> None:
        cap = self._agreement_cap(bound.BOUND_ERROR)
        for rung, gap in enumerate(bound.GAP_LADDER):
            if gap <= self.test.margin:
                continue
            going = going & (self.log_ladder[rung] < bound.LEVEL)
            if not going.any():
                break
            at, hoped = self._hoped(rate, gap)
            factor = np.minimum(self._log_e(counts, gap, at, hoped[None], self.dispersion)[0], cap)
            self.log_ladder[rung] += np.where(going, factor, 0.0)
            reached = self.log_ladder[rung] >= bound.LEVEL
            beyond = gap - self.test.margin
            self.gap_bound = np.where(reached, np.minimum(self.gap_bound, beyond), self.gap_bound)

    def _hoped(self, rate: Array, offset: float) -> tuple[Array, Array]:
        rate = nearest(rate, self.test.ratio, offset)
        below = with_odds_scaled(self.test.ratio * rate + offset, bets.NEARLY_AT_MARGIN)
        return rate, np.minimum(rate, below)

    def _log_e(
        self, counts: Array, offset: Array | float, champion_rate: Array, challenger_rate: Array, dispersion: Array
    ) -> Array:
        groups = np.minimum(dispersion, np.maximum(counts[[0, 0, 2, 2]], 1))
        champion_total, champion_bad, challenger_total, challenger_bad = counts / groups
        ratio = self.test.ratio
        if self.test.figure is not None:
            null = ratio * champion_rate + offset
            return challenger_bad * np.log(challenger_rate / null) + (challenger_total - challenger_bad) * np.log(
                (1 - challenger_rate) / (1 - null)
            )
        excess = challenger_rate - offset
        a = (champion_total * champion_rate + challenger_total * excess) / (champion_total + ratio * challenger_total)
        a = nearest(a, ratio, offset)
        for _ in range(PROJECTION_STEPS):
            b = ratio * a + offset
            champion_weight = champion_total * b * (1 - b)
            challenger_weight = ratio * challenger_total * a * (1 - a)
            a = (champion_weight * champion_rate + challenger_weight * excess) / (
                champion_weight + ratio * challenger_weight
            )
            a = nearest(a, ratio, offset)
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
        bursty = self.dispersion > UNMEASURED_DISPERSION
        return -math.log(error) / np.where(bursty, AGREEING_MINUTES_IF_BURSTY, AGREEING_MINUTES)

    def _alone(self, counts: Array, allowed: Array) -> Array:
        odds = np.array(bets.REGRESSIONS)[:, None]
        size = np.minimum(self.dispersion, counts[2])
        stake = np.minimum(step.LARGEST_STAKE / allowed, counts[2] * (odds - 1) / size)
        lone = np.log1p(np.maximum(stake * (counts[3] / counts[2] - allowed), -0.9))
        few = (self.dispersion <= UNMEASURED_DISPERSION) & (counts[3] >= step.GROSS_SHARE * counts[2])
        lone[-1] = np.where(few, step.deciding_alone(self.test), lone[-1])
        return lone
