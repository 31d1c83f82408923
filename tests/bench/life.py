"""The whole life of many rollouts at once: ramp, promotion and watch, judged at every scrape as the operator does."""

import math
from dataclasses import dataclass

import numpy as np

from modelrollout.evidence import ArmCounts, ProportionTest
from modelrollout.evidence.combine import error_of_attempt
from modelrollout.evidence.pods import MOST_OF_MARGIN, TOLERATED_DEVIATIONS, pod_spread
from modelrollout.evidence.ramp import RiskBudget
from modelrollout.rollout.ramp import is_cheaper_kept
from tests.bench.rows import settled_rows
from tests.bench.service import LEVELS, TICK, Service, Shape
from tests.bench.vdispersion import upper_dispersion
from tests.bench.vectorised import VectorisedTest, Windows

Array = np.ndarray

HELD_BACK = LEVELS.index(0.95)
HOUR = 3600.0


@dataclass(frozen=True)
class Policy:
    """How the operator is set.

    interval: seconds between scrapes. hours: of ramp at most. watch: seconds of the watch after the promotion.
    settle: seconds after a change of the weights in which answers may be late. fixed: a level to stay at, in place of
    a ramp. retreat: whether the weight goes to the first level when a window looks gross. deadline: of the strategy, in
    seconds; with the watch it gives the horizon. warm_up: seconds for which a pod's
    first answers are left out.
    """

    interval: float = 15.0
    hours: float = 2.0
    watch: float = HOUR
    deadline: float = 24 * HOUR
    settle: float = 60.0
    fixed: int | None = None
    retreat: bool = True
    margin: float = 0.005
    tolerated: float = 0.001
    budget: int = 100
    warm_up: float = 0.0

    @property
    def horizon(self) -> int:
        return math.ceil((self.deadline + self.watch) / self.interval)

    @property
    def windows_per_minute(self) -> int:
        return max(1, round(60 / self.interval))


@dataclass(frozen=True)
class Lives:
    """Of each rollout: seconds until it was rolled back, and promoted (infinite if never), and excess bad answers.

    dispersion: as measured in the hour before. retreats: how often a window that looked gross took its weight.
    """

    rolled_back: Array
    promoted: Array
    bad: Array
    dispersion: Array
    retreats: Array

    @property
    def false_rollbacks(self) -> int:
        return int(np.isfinite(self.rolled_back).sum())

    @property
    def promotions(self) -> int:
        return int(np.isfinite(self.promoted).sum())


def champions_hour(service: Service, interval: float) -> tuple[Array, Array]:
    """Requests and bad ones of the champion's pods, (rollouts, windows, pods), in an hour without a challenger."""
    windows = round(HOUR / interval)
    ticks = round(interval / TICK)
    level = np.zeros(service.rollouts, int)
    counts = np.array([sum(service.tick(level)[0] for _ in range(ticks)) for _ in range(windows)])
    totals, bad = counts.transpose(1, 3, 0, 2)
    return totals, bad


def halves(counts: Array) -> Array:
    """The pods in two arms, as the operator measures them; a lone pod's neighbouring windows take their place."""
    if counts.shape[2] == 1:
        return counts[:, : counts.shape[1] // 2 * 2].reshape(len(counts), -1, 2)
    return np.stack([counts[:, :, 0::2].sum(axis=2), counts[:, :, 1::2].sum(axis=2)], axis=2)


def live(shape: Shape, policy: Policy, rollouts: int, seed: int, excess: float = 0.0, onset: float = 0.0) -> Lives:
    """Play a shape. A rollback ends a life; what a promoted challenger serves until the end of the watch counts.

    excess: of the challenger's share of bad answers, from `onset` seconds after its first weight on.
    """
    rng = np.random.default_rng(seed)
    service = Service(shape, rollouts, rng)
    totals, bad = champions_hour(service, policy.interval)
    dispersion = upper_dispersion(halves(totals), halves(bad))
    test = ProportionTest(
        margin=policy.margin,
        tolerated=policy.tolerated,
        alpha=error_of_attempt(0.01, 1),
        beta=error_of_attempt(0.01, 1),
        horizon=policy.horizon,
        windows_per_minute=policy.windows_per_minute,
    )
    gate = VectorisedTest(test, totals.sum(axis=(1, 2)), bad.sum(axis=(1, 2)), dispersion, ladder=policy.fixed is None)
    spread = np.array([pod_spread(_pods(n, x), phi) for n, x, phi in zip(totals, bad, dispersion, strict=True)])
    course = _Course(policy, rollouts, totals.sum() / rollouts / HOUR)
    ticks = round(policy.interval / TICK)
    for window in range(round((policy.hours * HOUR + policy.watch) / policy.interval)):
        service.excess = excess if window * policy.interval >= onset else 0.0
        counts = sum(service.tick(course.level) * service.warm(policy.warm_up) for _ in range(ticks)).sum(axis=2)
        settled = course.settled(window)
        window_counts = np.where(course.judged, np.concatenate(counts), 0).astype(int)
        gross = gate.looks_gross(Windows(*window_counts), settled)
        gate.update(Windows(*window_counts), settled, _tolerated(policy, spread, gate, service.working))
        course.excess += counts[1, 0] * service.excess * ~course.is_over
        course.note_gross(window, gross)
        if gross.any():
            weight = 100 * np.array(LEVELS)[course.level]
            is_near = gate.fails_next(Windows(*window_counts), settled)
            near, far = (is_cheaper_kept(weight, course.awaited, near=near) for near in (True, False))
            gross &= ~np.where(is_near, near, far)
        course.decide(window, gate, gross)
        if course.is_over.all():
            break
    return Lives(course.rolled_back, course.promoted, course.excess, dispersion, course.retreats)


def _pods(totals: Array, bad: Array) -> list[ArmCounts]:
    """The champion's pods over the whole hour."""
    return [ArmCounts(int(n), int(x)) for n, x in zip(totals.sum(axis=0), bad.sum(axis=0), strict=True)]


def _tolerated(policy: Policy, spread: Array, gate: VectorisedTest, pods: Array) -> Array:
    """`tolerated` of the engine; pods: of both arms that serve."""
    deviation = spread * gate.recent_bad / gate.recent_total * np.sqrt((1 / np.maximum(pods, 1)).sum(axis=0))
    most = MOST_OF_MARGIN * max(0.0, policy.margin)
    return np.maximum(policy.tolerated, np.minimum(TOLERATED_DEVIATIONS * deviation, most))


class _Course:
    """Where each rollout stands. Weights are decided at the end of a window and in force from the next one on."""

    def __init__(self, policy: Policy, rollouts: int, traffic: float) -> None:
        self.policy, self.traffic = policy, traffic
        self.budget = RiskBudget(policy.budget)
        first = 1 if policy.fixed is None else policy.fixed
        self.level = np.full(rollouts, first)
        self.rolled_back = np.full(rollouts, math.inf)
        self.promoted = np.full(rollouts, math.inf)
        self.excess = np.zeros(rollouts)
        self._changed = np.zeros(rollouts)
        self._lowered = np.full(rollouts, -math.inf)
        self._looked_gross = np.full(rollouts, -math.inf)
        self._most, self._least = np.zeros(rollouts), np.ones(rollouts)
        self.awaited = 1 + math.ceil(policy.settle / policy.interval) if policy.settle else 0
        self._watched = np.zeros(rollouts, bool)
        self.retreats = np.zeros(rollouts, int)

    @property
    def judged(self) -> Array:
        return ~self.is_over

    @property
    def is_over(self) -> Array:
        return np.isfinite(self.rolled_back) | self._watched

    def settled(self, window: int) -> Array:
        """Rows as of the test; a window counts requests from its beginning on."""
        waits = self.is_lowered(window)
        rows = len(waits), window - self._changed >= self.awaited
        return settled_rows(*rows, np.where(waits, self._most, 0.0), np.where(waits, self._least, 1.0))

    def note_gross(self, window: int, gross: Array) -> None:
        """Windows that looked gross: for a minute no weight is raised."""
        self._looked_gross[gross] = window

    def is_lowered(self, window: int) -> Array:
        """Whether answers from a time with more weight may still come."""
        found: Array = window - self._lowered < self.awaited
        return found

    def _wanted(self, gate: VectorisedTest) -> Array:
        if self.policy.fixed is not None:
            return np.full_like(self.level, self.policy.fixed)
        return next_levels(self.budget, self.level, gate.judged, gate.gap_bound, self.traffic)

    def decide(self, window: int, gate: VectorisedTest, gross: Array) -> None:
        policy, now = self.policy, (window + 1) * self.policy.interval
        open_ = ~self.is_over
        self.rolled_back[open_ & gate.failed] = now
        open_ &= ~gate.failed
        passes = open_ & gate.passed & ~np.isfinite(self.promoted) & ~self.is_lowered(window)
        self.promoted[passes] = now
        ramping = open_ & ~np.isfinite(self.promoted)
        doubtful = gate.log_e_rollback > -math.log(gate.test.alpha) / 3
        recent = (window - self._looked_gross < policy.windows_per_minute) | self.is_lowered(window)
        level = np.where(ramping & ~doubtful & ~recent, self._wanted(gate), self.level)
        if policy.retreat:
            retreats = ramping & gross & (level > 1)
            self.retreats += retreats
            level = np.where(retreats, 1, level)
        if policy.fixed is None:
            level = np.where(passes, HELD_BACK, level)
        if policy.fixed is None:
            self._watched |= np.isfinite(self.promoted) & (now >= self.promoted + policy.watch)
        changed, falls = level != self.level, level < self.level
        weight = np.array(LEVELS)
        still = self.is_lowered(window)
        most, least = weight[self.level], 1 - weight[self.level]
        self._most = np.where(falls, np.where(still, np.maximum(most, self._most), most), self._most)
        self._least = np.where(falls, np.where(still, np.minimum(least, self._least), least), self._least)
        self._lowered[falls] = window + 1
        self._changed[changed] = window + 1
        self.level = level


def next_levels(budget: RiskBudget, level: Array, seen: Array, bound: Array, traffic: float) -> Array:
    """`next_weight` for many rollouts; levels are indices of LEVELS."""
    weights = 100 * np.array(LEVELS)
    weight = weights[level]
    spent = np.where(bound < 1, seen * np.maximum(bound, 0), 0.0)
    affordable = np.maximum(budget.bad_requests - spent, 0.0) * budget.spend
    allowed = 100 * affordable / (traffic * np.maximum(bound, 1e-6) * budget.reaction_seconds)
    allowed = np.where(weight <= allowed * budget.slack, np.maximum(allowed, weight), allowed)
    allowed = np.minimum(allowed, weight * budget.growth)
    steps = np.array(budget.steps)
    index = np.maximum((steps[:, None] <= allowed).sum(axis=0) - 1, 0)
    return np.array([LEVELS.index(step / 100) for step in steps])[index]
