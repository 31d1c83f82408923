"""Synthetic traffic of many rollouts at once: how many requests, to which arm, and how many of them are bad.

A window is five seconds, one scrape. Everything is drawn from a seeded generator.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

Array = np.ndarray
Law = Callable[[np.random.Generator, Array, Array | float], Array]

WINDOW_SECONDS = 5
HOUR = 720
# (windows, weight): three minutes at 5 %, three at 10 %, four at 25 %, then 50 %.
STEPS = ((36, 0.05), (36, 0.10), (48, 0.25), (HOUR, 0.50))


def weight_at(window: int) -> float:
    """The weight that the fixed steps set in this window of a rollout."""
    for length, weight in STEPS:
        if window < length:
            return weight
        window -= length
    return STEPS[-1][1]


def independent(rng: np.random.Generator, totals: Array, rate: Array | float) -> Array:
    """Every request fails on its own."""
    return rng.binomial(totals, np.minimum(rate, 1.0))


def bursts(mean: float) -> Law:
    """Failures come in bursts of geometric size; dispersion is 2 * mean - 1."""

    def draw(rng: np.random.Generator, totals: Array, rate: Array | float) -> Array:
        starts = rng.poisson(totals * rate / mean)
        more = rng.negative_binomial(np.maximum(starts, 1), 1 / mean)
        return np.minimum(totals, np.where(starts > 0, starts + more, 0))

    return draw


def constant_bursts(size: int) -> Law:
    """Failures come in bursts of one size, as from a fixed number of retries."""

    def draw(rng: np.random.Generator, totals: Array, rate: Array | float) -> Array:
        return np.minimum(totals, size * rng.poisson(totals * rate / size))

    return draw


def heavy_bursts(tail: float) -> Law:
    """Burst sizes have a Pareto tail: the variance is large, below 2 it is infinite."""

    def draw(rng: np.random.Generator, totals: Array, rate: Array | float) -> Array:
        mean = tail / (tail - 1)
        starts = rng.poisson(totals * rate / mean)
        sizes = np.floor(rng.pareto(tail, starts.sum()) + 1).astype(int)
        bad = np.zeros(totals.size, int)
        np.add.at(bad, np.repeat(np.arange(totals.size), starts.ravel()), sizes)
        return np.minimum(totals, bad.reshape(totals.shape))

    return draw


def hiccups(part: float, share: float) -> Law:
    """`part` of the failures comes in rare windows in which `share` of the arm's answers fail."""

    def draw(rng: np.random.Generator, totals: Array, rate: Array | float) -> Array:
        struck = rng.random(totals.shape) < np.asarray(rate) * part / share
        return np.minimum(
            totals, rng.binomial(totals, np.asarray(rate) * (1 - part)) + struck * rng.binomial(totals, share)
        )

    return draw


@dataclass(frozen=True)
class Scenario:
    """What a simulated service does, in part as functions of the window.

    gap: the challenger's excess rate. shock: what an incident adds to both arms' rates. load: factor on the traffic.
    pods: of the champion; without any it has no history. pod_rates: of the challenger's pods where they differ, around
    the same mean. resets, gaps: probability that a window of an arm loses part of its counts, or arrives a window late.
    skip_windows: left out by rule at the start.
    """

    name: str
    requests_per_second: float = 100.0
    rate: float = 0.005
    gap: Callable[[int], float] = field(default=lambda window: 0.0)
    law: Law = independent
    shock: Callable[[int], float] = field(default=lambda window: 0.0)
    load: Callable[[int], float] = field(default=lambda window: 1.0)
    pods: int = 3
    pod_rates: tuple[float, ...] | None = None
    resets: float = 0.0
    gaps: float = 0.0
    skip_windows: int = 0


def constant(value: float) -> Callable[[int], float]:
    return lambda window: value


def between(first: int, last: int, value: float) -> Callable[[int], float]:
    return lambda window: value if first <= window < last else 0.0


def history(rng: np.random.Generator, scenario: Scenario, rollouts: int) -> Array:
    """Requests, and bad ones, (rollouts, windows, pods), of the champion in the hour before each rollout.

    A lone pod's neighbouring windows take the place of two pods, as in the operator. Without pods there is no history.
    """
    pods = scenario.pods
    if not pods:
        return np.zeros((2, rollouts, HOUR, 2), int)
    totals = rng.poisson(scenario.requests_per_second * WINDOW_SECONDS / pods, (rollouts, HOUR, pods))
    bad = scenario.law(rng, totals, scenario.rate)
    counts = np.array([totals, bad])
    return counts.reshape(2, rollouts, -1, 2) if pods == 1 else counts
