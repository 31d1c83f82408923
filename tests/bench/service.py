"""Services as people run them, many at once: what their pods count, window by window, at any weight.

Time goes in ticks of five seconds. Everything is drawn from one seeded generator, so that a shape with the same seed is
the same traffic for every judge.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

Array = np.ndarray
Envelope = Callable[[float], float]

TICK = 5.0
# Weights that a rollout may set, in parts.
LEVELS = (0.0, 0.01, 0.02, 0.05, 0.10, 0.25, 0.50, 0.95, 1.0)


def steady(_: float) -> float:
    return 1.0


def daily(swing: float) -> Envelope:
    """Load over a day, from 1 - swing to 1 + swing."""
    return lambda seconds: 1 + swing * math.sin(2 * math.pi * seconds / 86_400)


def hourly(swing: float) -> Envelope:
    return lambda seconds: 1 + swing * math.sin(2 * math.pi * seconds / 3600)


@dataclass(frozen=True)
class Episodes:
    """Times in which a pod fails `share` of its requests; as a Markov chain, begun `per_hour` times, `seconds` long."""

    per_hour: float
    seconds: float
    share: float


@dataclass(frozen=True)
class Users:
    """Sticky users: each has a rate of its own, Beta(alpha, beta), and an activity with a Pareto tail."""

    count: int
    alpha: float
    beta: float
    tail: float = math.inf


@dataclass(frozen=True)
class Shape:
    """A service.

    rate: share of bad answers. pods: that carry all of the traffic. pod_spread: coefficient of variation of the pods'
    rates. late: seconds after which a failed request is counted; the others are at once. shared: episodes of all pods
    of both versions alike. cold: share of bad answers of a pod that has just started, with `cold_seconds` as time
    constant. offset: seconds between the scrapes of the arms. takes_over: seconds until the gateway follows a weight.
    lost: part of the challenger's requests that no counter sees. burst: mean size of a geometric burst of failures.
    """

    name: str
    requests_per_second: float = 100.0
    rate: float = 0.005
    pods: int = 4
    pod_spread: float = 0.0
    episodes: Episodes | None = None
    shared: Episodes | None = None
    users: Users | None = None
    late: float = 0.0
    cold: float = 0.0
    cold_seconds: float = 30.0
    offset: float = 0.0
    takes_over: float = 0.0
    lost: float = 0.0
    burst: float = 1.0
    load: Envelope = field(default=steady)
    errors: Envelope = field(default=steady)


class Delay:
    """What enters comes out so many ticks later."""

    def __init__(self, seconds: float, shape: tuple[int, ...]) -> None:
        self._kept = np.zeros((round(seconds / TICK) + 1, *shape))
        self._at = 0

    def __call__(self, entering: Array) -> Array:
        if len(self._kept) == 1:
            return entering
        self._kept[self._at % len(self._kept)] = entering
        self._at += 1
        return self._kept[self._at % len(self._kept)].copy()


class Service:
    """`rollouts` services of one shape. `tick` serves five seconds at given weights."""

    def __init__(self, shape: Shape, rollouts: int, rng: np.random.Generator, excess: float = 0.0) -> None:
        self.shape, self.rollouts, self.rng, self.excess = shape, rollouts, rng, excess
        self.seconds = 0.0
        # Pods of both arms that serve, (arm, rollout).
        self.working = np.ones((2, rollouts))
        arms = (2, shape.pods, rollouts)
        self._spread = _spread(rng, shape.pod_spread, arms)
        self._sick = np.zeros(arms, bool)
        self._all_sick = np.zeros(rollouts, bool)
        self._age = np.zeros(arms)
        self._age[0] = 1e6
        self._activity, self._user_rates = _sticky(rng, shape, rollouts)
        self._late = Delay(shape.late, arms)
        self._scraped = Delay(shape.offset, (2, rollouts))
        self._taken_over = Delay(shape.takes_over, (rollouts,))

    def tick(self, level: Array) -> Array:
        """Counts (champion or challenger, all or bad, pod, rollout) that the scrapes of five seconds show.

        level: of each rollout, an index of LEVELS.
        """
        shape, rng = self.shape, self.rng
        level = np.rint(self._taken_over(level)).astype(int)
        weight = np.array(LEVELS)[level]
        rows = np.arange(self.rollouts)
        share = np.array([1 - self._activity[rows, level], self._activity[rows, level]])
        working = np.array([np.full(self.rollouts, shape.pods), np.ceil(weight * shape.pods - 1e-9)])
        self.working = working
        serves = np.arange(shape.pods)[None, :, None] < working[:, None, :]
        mean = shape.requests_per_second * shape.load(self.seconds) * TICK
        mean_of_pod = mean * share[:, None, :] / np.maximum(working, 1)[:, None, :]
        totals = rng.poisson(np.where(serves, mean_of_pod, 0.0))
        rate = shape.rate * shape.errors(self.seconds) * self._spread
        rate = rate * self._user_rates[:, rows, level][:, None, :]
        rate[1] += self.excess
        rate = np.clip(rate + self._episodes() + self._cold(serves), 0, 1)
        bad = _failures(rng, totals, rate, shape.burst)
        late = self._late(bad)
        totals, bad = totals - bad + late, late
        if shape.lost:
            totals[1] -= rng.binomial((totals[1] - bad[1]).astype(int), shape.lost)
        counts = np.array([totals, bad]).swapaxes(0, 1)
        counts[1] = self._scraped(counts[1].sum(axis=1))[:, None, :] / 1 if shape.offset else counts[1]
        if shape.offset:
            counts[1, :, 1:] = 0
        self.seconds += TICK
        return counts

    def warm(self, seconds: float) -> Array | bool:
        """Which pods have served for so long, as `tick` has its counts."""
        return self._age[:, None] > seconds if seconds else True

    def _episodes(self) -> Array:
        extra = np.zeros(self._sick.shape)
        if found := self.shape.episodes:
            self._sick = _flip(self.rng, self._sick, found)
            extra += found.share * self._sick
        if found := self.shape.shared:
            self._all_sick = _flip(self.rng, self._all_sick, found)
            extra += found.share * self._all_sick
        return extra

    def _cold(self, serves: Array) -> Array | float:
        age = self._age
        self._age = age + TICK * serves
        return self.shape.cold * np.exp(-age / self.shape.cold_seconds) if self.shape.cold else 0.0


def _spread(rng: np.random.Generator, variation: float, shape: tuple[int, ...]) -> Array:
    if not variation:
        return np.ones(shape)
    return rng.gamma(1 / variation**2, variation**2, shape)


def _sticky(rng: np.random.Generator, shape: Shape, rollouts: int) -> tuple[Array, Array]:
    """The challenger's part of the activity, and both arms' rates as factors, for each rollout and level."""
    users = shape.users
    if users is None:
        weights = np.broadcast_to(np.array(LEVELS), (rollouts, len(LEVELS)))
        return weights, np.ones((2, rollouts, len(LEVELS)))
    size = (rollouts, users.count)
    activity = np.ones(size) if math.isinf(users.tail) else rng.pareto(users.tail, size) + 1
    rates = rng.beta(users.alpha, users.beta, size) / (users.alpha / (users.alpha + users.beta))
    activity /= activity.sum(axis=1, keepdims=True)
    # Users are in the order of their hash: the first ones get the challenger.
    cut = np.rint(np.array(LEVELS) * users.count).astype(int)
    of_challenger = np.concatenate([np.zeros((rollouts, 1)), activity.cumsum(axis=1)], axis=1)[:, cut]
    bad = np.concatenate([np.zeros((rollouts, 1)), (activity * rates).cumsum(axis=1)], axis=1)[:, cut]
    whole = bad[:, -1:]
    ours = bad / np.maximum(of_challenger, 1e-12)
    theirs = (whole - bad) / np.maximum(1 - of_challenger, 1e-12)
    return np.clip(of_challenger, 0, 1), np.array([theirs, ours])


def _flip(rng: np.random.Generator, sick: Array, episodes: Episodes) -> Array:
    begins = rng.random(sick.shape) < episodes.per_hour * TICK / 3600
    ends = rng.random(sick.shape) < TICK / episodes.seconds
    return np.where(sick, ~ends, begins)


def _failures(rng: np.random.Generator, totals: Array, rate: Array, burst: float) -> Array:
    if burst <= 1:
        return rng.binomial(totals, rate)
    starts = rng.poisson(totals * rate / burst)
    more = rng.negative_binomial(np.maximum(starts, 1), 1 / burst)
    return np.minimum(totals, np.where(starts > 0, starts + more, 0))
