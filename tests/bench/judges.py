"""Every judge plays the same traces: ours on fixed steps and on a risk budget, the peers on the same fixed steps."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from modelrollout.evidence import ProportionTest
from modelrollout.evidence.ramp import RiskBudget, next_weight
from modelrollout.rollout.ramp import is_cheaper_kept
from tests.bench.peers.argo import AnalysisRun
from tests.bench.peers.flagger import Flagger
from tests.bench.peers.kayenta import Label, classify
from tests.bench.rows import settled_rows
from tests.bench.trace import FULL, LEVELS, OFF, Trace
from tests.bench.traffic import STEPS, WINDOW_SECONDS
from tests.bench.vectorised import VectorisedTest, Windows

Array = np.ndarray

# Three minutes at 5 %, three at 10 %, four at 25 %, five at 50 %; then a tool without objections promotes.
ANALYSIS_WINDOWS = 180
# From a decision to its effect at the proxy, for every judge alike.
LAG_WINDOWS = 1
_STEP_ENDS = np.cumsum([length for length, _ in STEPS])
_STEP_LEVELS = np.array([LEVELS.index(weight) for _, weight in STEPS])
NEVER = 10**6
# Windows after a change of weights until late answers are surely counted, as shipped: a minute and one more window.
AWAITED_WINDOWS = 60 // WINDOW_SECONDS + 1
RETREAT_LEVEL = LEVELS.index(0.01)


@dataclass(frozen=True)
class Result:
    """Per rollout: window of rollback and of promotion (NEVER if not), excess bad answers until the end."""

    rolled_back: Array
    promoted: Array
    excess: Array

    def summary(self) -> dict[str, float | None]:
        """Figures for a table; times are medians in seconds over those that got there."""
        return {
            "rolled_back": float((self.rolled_back < NEVER).mean()),
            "rollback_seconds": _median_seconds(self.rolled_back),
            "promoted": float((self.promoted < NEVER).mean()),
            "promotion_seconds": _median_seconds(self.promoted),
            "bad": float(self.excess.mean()),
        }


def step_level(progress: Array) -> Array:
    """Level of the fixed steps after so many windows of undisturbed analysis."""
    return _STEP_LEVELS[np.minimum(np.searchsorted(_STEP_ENDS, progress, side="right"), len(_STEP_LEVELS) - 1)]


class _Ledger:
    """Plays a trace window by window and keeps the books of a judge's decisions."""

    def __init__(self, trace: Trace) -> None:
        self.trace = trace
        self.rolled_back = np.full(trace.rollouts, NEVER)
        self.promoted = np.full(trace.rollouts, NEVER)
        self.excess = np.zeros(trace.rollouts)

    @property
    def open(self) -> Array:
        return (self.rolled_back == NEVER) & (self.promoted == NEVER)

    def serve(self, window: int, level: Array) -> Array:
        """Counts of a window at the judge's level, or at what an earlier decision has come to mean."""
        level = np.where(self.rolled_back + LAG_WINDOWS <= window, OFF, level)
        level = np.where(self.promoted + LAG_WINDOWS <= window, FULL, level)
        counts = self.trace.counts(window, level)
        self.excess += counts[2] * self.trace.gaps[window]
        return counts

    def decide(self, window: int, roll_back: Array, promote: Array) -> None:
        """Decisions at the end of a window; a promoted rollout is watched no more."""
        opened = self.open
        self.rolled_back[opened & roll_back] = window + 1
        self.promoted[opened & promote & ~roll_back] = window + 1

    def settled(self, window: int) -> bool:
        """Whether nothing can change any more; then the rest of the trace is booked at once."""
        latest = np.where(self.promoted < NEVER, self.promoted, self.rolled_back)
        if self.open.any() or (latest + LAG_WINDOWS > window + 1).any():
            return False
        if window + 1 < self.trace.windows:
            self.excess += np.where(self.promoted < NEVER, self.trace.excess_after(window + 1), 0.0)
        return True

    def result(self) -> Result:
        return Result(self.rolled_back, self.promoted, self.excess)


def play_ours(
    trace: Trace, test: ProportionTest, history: tuple[Array, Array], dispersion: Array, budget: RiskBudget | None
) -> Result:
    """Our gate, looking at every scrape, on the fixed steps or on a risk budget; no promotion before a peer's."""
    ledger = _Ledger(trace)
    gate = VectorisedTest(test, *history, dispersion, ladder=budget is not None)
    start = LEVELS.index(budget.steps[0] / 100) if budget else 0
    level = np.full(trace.rollouts, start)
    traffic = trace.total[:, :, FULL].mean() / WINDOW_SECONDS
    weights = _Weights(level)
    for window in range(trace.windows):
        if budget is None:
            level = step_level(np.full(trace.rollouts, window))
        level = weights.follow(window, level)
        counts = Windows(*np.where(ledger.open, ledger.serve(window, level), 0))
        settled = weights.settled(window)
        gross = gate.looks_gross(counts, settled)
        gate.update(counts, settled)
        if gross.any():
            weights.retreat(window, gross, gate.fails_next(counts, settled))
        ledger.decide(window, gate.failed, gate.passed & ~weights.is_lowered(window) & (window + 1 >= ANALYSIS_WINDOWS))
        if ledger.settled(window):
            break
        if budget is not None:
            level = _budget_levels(budget, level, gate, traffic)
    return ledger.result()


class _Weights:
    """As the operator does: late answers are awaited after a change, and what looks gross takes the weight to 1 %."""

    def __init__(self, level: Array) -> None:
        self._level = level
        self._changed = np.zeros(len(level), int)
        self._lowered = np.full(len(level), -NEVER)
        self._retreated = np.full(len(level), -NEVER)
        self._most, self._least = np.zeros(len(level)), np.ones(len(level))

    def follow(self, window: int, level: Array) -> Array:
        """The weight of a window in which the schedule wants `level`."""
        level = np.where(window - self._retreated <= AWAITED_WINDOWS, np.minimum(level, RETREAT_LEVEL), level)
        falls, weight = level < self._level, np.array(LEVELS)[self._level]
        still = falls & self.is_lowered(window)
        self._most = np.where(still, np.maximum(weight, self._most), np.where(falls, weight, self._most))
        self._least = np.where(still, np.minimum(1 - weight, self._least), np.where(falls, 1 - weight, self._least))
        self._changed = np.where(level != self._level, window, self._changed)
        self._lowered = np.where(falls, window, self._lowered)
        self._level = level
        return level

    def is_lowered(self, window: int) -> Array:
        """Whether answers from a time with more weight may still come."""
        found: Array = window - self._lowered < AWAITED_WINDOWS
        return found

    def settled(self, window: int) -> Array:
        """Rows as the test has them."""
        waits = self.is_lowered(window)
        rows = len(waits), window - self._changed >= AWAITED_WINDOWS
        return settled_rows(*rows, np.where(waits, self._most, 0.0), np.where(waits, self._least, 1.0))

    def retreat(self, window: int, gross: Array, near: Array) -> None:
        """Give the weight back after a window that looked gross, unless a verdict is as near."""
        weight = 100 * np.array(LEVELS)[self._level]
        soon, late = (is_cheaper_kept(weight, AWAITED_WINDOWS, near=near) for near in (True, False))
        retreats = gross & (self._level > RETREAT_LEVEL) & ~np.where(near, soon, late)
        self._retreated = np.where(retreats, window + LAG_WINDOWS, self._retreated)


def _budget_levels(budget: RiskBudget, level: Array, gate: VectorisedTest, traffic: float) -> Array:
    return np.array(
        [
            LEVELS.index(next_weight(budget, 100 * LEVELS[now], int(seen), float(bound), traffic) / 100)
            for now, seen, bound in zip(level, gate.judged, gate.gap_bound, strict=True)
        ]
    )


@dataclass(frozen=True)
class ThresholdSetting:
    """Limit on the metric, seconds between checks, seconds that the metric covers, and tolerated failures."""

    tool: str
    limit: float
    interval: int
    covers: int
    failures: int
    relative: bool = False

    @property
    def name(self) -> str:
        kind = "more than champion + " if self.relative else "more than "
        return f"{kind}{self.limit:.4g} over {self.covers} s, every {self.interval} s, {self.failures} failures"


def threshold_settings(base: float) -> Iterator[ThresholdSetting]:
    """The sweep of Flagger and Argo Rollouts for a service with this base rate."""
    pairs = [(interval, covers) for interval in (10, 30, 60) for covers in (10, 30, 60)]
    for interval, covers in pairs:
        for failures in (1, 2, 3, 5, 10):
            for multiple in (1.5, 2, 3, 4, 6, 10, 20, 40):
                yield ThresholdSetting("Flagger", base * multiple, interval, covers, failures)
                yield ThresholdSetting("Argo Rollouts", base * multiple, interval, covers, failures - 1)
                yield ThresholdSetting(
                    "Argo Rollouts, relative", base * (multiple - 1), interval, covers, failures - 1, relative=True
                )


def play_threshold(trace: Trace, setting: ThresholdSetting) -> Result:
    """Flagger or Argo Rollouts with one setting, promoting after an analysis without too many failures."""
    flagger = Flagger(setting.limit, setting.failures, trace.rollouts)
    argo = AnalysisRun(setting.limit, setting.failures, trace.rollouts)
    is_flagger = setting.tool == "Flagger"
    ledger = _Ledger(trace)
    every, covers = setting.interval // WINDOW_SECONDS, setting.covers // WINDOW_SECONDS
    seen = np.zeros((4, covers, trace.rollouts))
    progress = np.zeros(trace.rollouts, int)
    for window in range(trace.windows):
        counts = ledger.serve(window, step_level(progress))
        seen[:, window % covers] = counts
        if is_flagger:
            progress += (window + 1) % every != 0
        else:
            progress += 1
        if (window + 1) % every == 0:
            with np.errstate(invalid="ignore", divide="ignore"):
                champion_total, champion_bad, total, bad = seen.sum(axis=1)
                value = bad / total
                if setting.relative:
                    value = value - champion_bad / champion_total
            if is_flagger:
                # A failed check halts: the whole interval did not advance the steps.
                progress += np.where(flagger.tick(value), 1, 1 - every)
                roll_back = flagger.rolled_back
            else:
                roll_back = argo.measure(value, None)
            ledger.decide(window, roll_back, progress >= ANALYSIS_WINDOWS)
        if ledger.settled(window):
            break
    return ledger.result()


@dataclass(frozen=True)
class KayentaSetting:
    """Seconds per point of the metric, seconds between judgements, allowed ratio of means."""

    step: int
    interval: int
    allowed_increase: float
    tool: str = "Kayenta"

    @property
    def name(self) -> str:
        return f"{self.step} s points, every {self.interval} s, allowed increase {self.allowed_increase:g}"


def kayenta_settings() -> list[KayentaSetting]:
    """The sweep of Kayenta: its level of 0.98 and tolerance of 0.25 are not configurable."""
    return [
        KayentaSetting(step, interval, allowed)
        for step in (10, 60)
        for interval in (60, 120, 300)
        for allowed in (1.0, 1.5, 3.0)
    ]


def play_kayenta(trace: Trace, setting: KayentaSetting) -> Result:
    """Kayenta on the fixed steps: all points so far are judged at every interval, from five points on."""
    ledger = _Ledger(trace)
    every, step = setting.interval // WINDOW_SECONDS, setting.step // WINDOW_SECONDS
    points: list[Array] = []
    sums = np.zeros((4, trace.rollouts))
    for window in range(trace.windows):
        sums += ledger.serve(window, step_level(np.full(trace.rollouts, window)))
        if (window + 1) % step == 0:
            with np.errstate(invalid="ignore", divide="ignore"):
                points.append(np.array([sums[1] / sums[0], sums[3] / sums[2]]))
            sums = np.zeros_like(sums)
        if (window + 1) % every == 0 and len(points) >= 5:
            series = np.array(points)
            roll_back = np.zeros(trace.rollouts, bool)
            for rollout in np.flatnonzero(ledger.open):
                label = classify(
                    series[:, 0, rollout],
                    series[:, 1, rollout],
                    allowed_increase=setting.allowed_increase,
                    direction="increase",
                )
                roll_back[rollout] = label is Label.HIGH
            ledger.decide(window, roll_back, np.full(trace.rollouts, window + 1 >= ANALYSIS_WINDOWS))
        if ledger.settled(window):
            break
    return ledger.result()


def _median_seconds(windows: Array) -> float | None:
    reached = windows[windows < NEVER]
    return float(np.median(reached)) * WINDOW_SECONDS if len(reached) else None
