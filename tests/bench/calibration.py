"""Do the declared error rates hold? False rollbacks and false promotions over simulated hours, with 95 % intervals."""

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy import stats

from modelrollout.evidence import ProportionTest
from tests.bench.traffic import (
    HOUR,
    WINDOW_SECONDS,
    Scenario,
    between,
    bursts,
    constant,
    constant_bursts,
    heavy_bursts,
    hiccups,
    history,
    weight_at,
)
from tests.bench.vdispersion import upper_dispersion
from tests.bench.vectorised import VectorisedTest, Windows

Array = np.ndarray

DECLARED = 0.01
CHUNK = 500


def scenarios() -> list[Scenario]:
    plain = [
        Scenario(f"no difference, {rate:.1%}, {rps:g} rps", rps, rate)
        for rps in (1.0, 10.0, 100.0)
        for rate in (0.001, 0.005, 0.05)
    ]
    rest = [
        Scenario("shared shock: +10 pp for 8 min", shock=between(200, 296, 0.10)),
        Scenario("daily load: 10 to 190 rps", load=lambda window: 1 + 0.9 * math.sin(2 * math.pi * window / HOUR)),
        Scenario("bursty, geometric, dispersion 5", law=bursts(3)),
        Scenario("bursty, geometric, dispersion 5, 10 rps", 10.0, law=bursts(3)),
        Scenario("bursty, geometric, dispersion 5, 1 rps", 1.0, law=bursts(3)),
        Scenario("bursty, constant size 2, 1 rps", 1.0, law=constant_bursts(2)),
        Scenario("bursty, constant size 5", law=constant_bursts(5)),
        Scenario("bursty, Pareto tail 2.5", law=heavy_bursts(2.5)),
        Scenario("bursty, Pareto tail 2.5, 10 rps", 10.0, law=heavy_bursts(2.5)),
        Scenario("bursty, Pareto tail 2.5, 5.0%, 1 rps", 1.0, 0.05, law=heavy_bursts(2.5)),
        Scenario("bursty, Pareto tail 1.7 (infinite variance)", law=heavy_bursts(1.7)),
        Scenario("hiccups: 30 % of a window fails, about twice an hour", law=hiccups(0.1, 0.3)),
        Scenario("hiccups: 30 % of a window fails, every second hour", law=hiccups(0.03, 0.3)),
        Scenario("hiccups: 90 % of a window fails, every tenth hour", law=hiccups(0.02, 0.9)),
        Scenario("unequal pods: challenger's at 0.2 % and 0.8 %", pod_rates=(0.002, 0.008)),
        Scenario("champion without a history", pods=0),
        Scenario("champion without a history, 20.0%, 10 rps", 10.0, 0.2, pods=0),
        Scenario("champion with one pod", pods=1),
        Scenario("champion with one pod, bursty, geometric, dispersion 5", law=bursts(3), pods=1),
        Scenario("champion with one pod, bursty, Pareto tail 2.5", law=heavy_bursts(2.5), pods=1),
        Scenario("slow warm-up: +5 pp slow for 1 min, left out by warmUp", gap=between(0, 12, 0.05), skip_windows=12),
        Scenario("counter resets: 1 % of windows lose part", resets=0.01),
        Scenario("scrape gaps: an arm misses 5 % of scrapes", gaps=0.05),
    ]
    return plain + rest


def margin_of(scenario: Scenario) -> float:
    """Half a percentage point, or a fifth of a high rate."""
    return max(0.005, scenario.rate / 5)


@dataclass(frozen=True)
class Outcome:
    """Share of rollouts with each verdict in the hour, and the median time to it in seconds (None if rare)."""

    failed: int
    passed: int
    failed_after_seconds: float | None
    passed_after_seconds: float | None
    dispersion: float


def simulate(scenario: Scenario, excess: float, rollouts: int, seed: int) -> Outcome:
    """Hours of `rollouts` rollouts at the fixed steps, watched to the end whatever the verdicts."""
    parts = [
        _simulate(scenario, excess, min(CHUNK, rollouts - first), np.random.default_rng([seed, first]))
        for first in range(0, rollouts, CHUNK)
    ]
    failed, passed, dispersion = (np.concatenate(part) for part in zip(*parts, strict=True))
    return Outcome(
        int((failed > 0).sum()),
        int((passed > 0).sum()),
        _median(failed),
        _median(passed),
        float(np.median(dispersion)),
    )


def _simulate(scenario: Scenario, excess: float, rollouts: int, rng: np.random.Generator) -> tuple[Array, Array, Array]:
    totals, bad = history(rng, scenario, rollouts)
    dispersion = upper_dispersion(totals, bad)
    test = ProportionTest(
        margin=margin_of(scenario), alpha=DECLARED, beta=DECLARED, windows_per_minute=round(60 / WINDOW_SECONDS)
    )
    judged = VectorisedTest(test, totals.sum(axis=(1, 2)), bad.sum(axis=(1, 2)), dispersion)
    late = np.zeros((4, rollouts), int)
    failed, passed = np.zeros(rollouts, int), np.zeros(rollouts, int)
    for window in range(HOUR):
        counts = _window(scenario, rng, window, excess, rollouts)
        if scenario.gaps:
            counts, late = _with_gaps(rng, scenario.gaps, counts + late)
        if window < scenario.skip_windows:
            continue
        judged.update(Windows(*counts))
        failed[(failed == 0) & judged.failed] = window + 1
        passed[(passed == 0) & judged.passed] = window + 1
    return failed, passed, dispersion


def _window(scenario: Scenario, rng: np.random.Generator, window: int, excess: float, rollouts: int) -> Array:
    mean = scenario.requests_per_second * scenario.load(window) * WINDOW_SECONDS
    total = rng.poisson(mean, rollouts)
    challenger = rng.binomial(total, weight_at(window))
    rate = scenario.rate + scenario.shock(window)
    champion_bad = scenario.law(rng, total - challenger, rate)
    gap = scenario.gap(window) + excess
    if scenario.pod_rates:
        first = rng.binomial(challenger, 1 / len(scenario.pod_rates))
        pods = (first, challenger - first)
        challenger_bad = sum(
            scenario.law(rng, pod, pod_rate + gap) for pod, pod_rate in zip(pods, scenario.pod_rates, strict=True)
        )
    else:
        challenger_bad = scenario.law(rng, challenger, rate + gap)
    counts = np.array([total - challenger, champion_bad, challenger, challenger_bad])
    if scenario.resets:
        counts = _with_resets(rng, scenario.resets, counts)
    return counts


def _with_resets(rng: np.random.Generator, probability: float, counts: Array) -> Array:
    """A pod restarts: what its counters had gained since the last scrape is lost, good and bad alike."""
    counts = counts.copy()
    for total, bad in ((0, 1), (2, 3)):
        kept = np.where(rng.random(counts.shape[1]) < probability, rng.random(counts.shape[1]), 1.0)
        kept_bad = rng.binomial(counts[bad], kept)
        counts[total] = kept_bad + rng.binomial(counts[total] - counts[bad], kept)
        counts[bad] = kept_bad
    return counts


def _with_gaps(rng: np.random.Generator, probability: float, counts: Array) -> tuple[Array, Array]:
    """One arm's scrape is missed: its counts arrive with the next window, against the other arm's of then."""
    missed = rng.random((2, counts.shape[1])) < probability
    late = np.where(np.repeat(missed, 2, axis=0), counts, 0)
    return counts - late, late


def _median(windows: Array) -> float | None:
    reached = windows[windows > 0]
    return float(np.median(reached)) * WINDOW_SECONDS if len(reached) > 0.05 * len(windows) else None


def interval(events: int, trials: int) -> tuple[float, float]:
    """Clopper-Pearson 95 % interval."""
    found = stats.binomtest(events, trials).proportion_ci(0.95)
    return float(found.low), float(found.high)


def run(rollouts: int, seed: int = 1) -> list[dict[str, Any]]:
    """One row per scenario: both error rates with intervals, and the times to decide."""
    rows = []
    for number, scenario in enumerate(scenarios()):
        null = simulate(scenario, 0.0, rollouts, seed + 2 * number)
        # Warm-up is bad in itself, so at the margin only what follows it counts.
        at_margin = simulate(replace(scenario, gap=constant(0.0)), margin_of(scenario), rollouts, seed + 2 * number + 1)
        row: dict[str, Any] = {"scenario": scenario.name, "rollouts": rollouts}
        for error, count in (("false_rollback", null.failed), ("false_promotion", at_margin.passed)):
            low, high = interval(count, rollouts)
            row |= {error: count / rollouts, f"{error}_low": low, f"{error}_high": high}
        row |= {
            "holds": max(row["false_rollback_high"], row["false_promotion_high"]) <= 1.5 * DECLARED,
            "promoted": null.passed / rollouts,
            "promoted_after_seconds": null.passed_after_seconds,
            "rolled_back_at_margin": at_margin.failed / rollouts,
            "rolled_back_after_seconds": at_margin.failed_after_seconds,
            "median_dispersion": null.dispersion,
        }
        rows.append(row)
        print(
            f"{scenario.name:55s} false rollback {row['false_rollback']:.4f} (<= {row['false_rollback_high']:.4f})"
            f"  false promotion {row['false_promotion']:.4f} (<= {row['false_promotion_high']:.4f})"
            f"  promoted {row['promoted']:.3f}",
            flush=True,
        )
    return rows
