"""How many requests a decision takes, before or during a rollout.

Log evidence drifts upward by a constant expected amount per window; the time to cross a level is approximated
by that of a Brownian motion with the same drift and variance (inverse Gaussian). Estimates, not guarantees:
they tell an operator whether a rollout can be decided at all at its traffic.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from modelrollout.evidence.halfplane import RATE_FLOOR, HalfPlane, log_growth, with_odds_scaled
from modelrollout.evidence.proportion.bets import GOOD_SHARES, GROSS
from modelrollout.evidence.proportion.question import ProportionQuestion, agreement_cap

# Evidence that the mixtures over unknown effects cost against the best single guess, in nats. The first is measured by
# simulation, the second is what is bet on a challenger as good as the champion.
_ROLLBACK_MIXTURE_COST = math.log(6)
_PROMOTION_MIXTURE_COST = -math.log(GOOD_SHARES[0])


@dataclass(frozen=True, slots=True)
class Effort:
    """Drift of the log evidence per challenger request and the level that it must reach, in nats.

    most_per_minute: what a minute may count for, however many requests it has (`caps`).
    """

    growth: float
    level: float
    most_per_minute: float = math.inf

    @property
    def requests(self) -> float:
        """Challenger requests until the level is reached, on average; infinite without growth."""
        return self.level / self.growth if self.growth > 0 else math.inf


@dataclass(frozen=True, slots=True)
class Stage:
    """A time at one allocation: `share` (0..1) of `requests_per_second` goes to the challenger."""

    share: float
    seconds: float
    requests_per_second: float


@dataclass(frozen=True, slots=True)
class Forecast:
    """Chance of a decision by the end of the stages and the time by which it is even odds (infinite if never)."""

    probability: float
    median_seconds: float


def rollback_effort(test: ProportionQuestion, champion_rate: float, challenger_rate: float, share: float) -> Effort:
    """Effort to roll back a challenger of that rate; `share` is its part of all requests, between 0 and 1."""
    level = -math.log(test.alpha) + _ROLLBACK_MIXTURE_COST
    allowed = test.ratio * champion_rate + test.tolerated
    if challenger_rate <= allowed:
        return Effort(0.0, level)
    growth = _growth(test, test.tolerated, champion_rate, challenger_rate, share)
    is_gross = challenger_rate >= with_odds_scaled(max(allowed, RATE_FLOOR), GROSS)
    return Effort(growth, level, math.inf if is_gross else agreement_cap(test, test.alpha))


def promotion_effort(
    test: ProportionQuestion, champion_rate: float, share: float, challenger_rate: float | None = None
) -> Effort:
    """Effort to promote a challenger of that rate, by default one that is as good as the champion."""
    level = -math.log(test.beta) + _PROMOTION_MIXTURE_COST
    expected = champion_rate if challenger_rate is None else challenger_rate
    if expected >= test.ratio * champion_rate + test.margin:
        return Effort(0.0, level)
    growth = _growth(test, test.margin, champion_rate, expected, share)
    return Effort(growth, level, agreement_cap(test, test.beta))


def forecast(stages: Sequence[Stage], efforts: Sequence[Effort]) -> Forecast:
    """Whether and when stages one after another lead to the decision; one effort, as above, per stage."""
    level = efforts[0].level
    half = _drift_for_even_odds(level)
    drift = elapsed = 0.0
    median = math.inf
    for stage, effort in zip(stages, efforts, strict=True):
        pace = min(effort.growth * stage.share * stage.requests_per_second, effort.most_per_minute / 60)
        if math.isinf(median) and pace > 0 and drift + pace * stage.seconds >= half:
            median = elapsed + (half - drift) / pace
        drift += pace * stage.seconds
        elapsed += stage.seconds
    return Forecast(crossing_probability(drift, level), median)


def crossing_probability(drift: float, level: float) -> float:
    """Chance that log evidence has reached `level` when its expectation is `drift`, both in nats.

    First passage of a Brownian motion; the log likelihood ratio of a small effect has twice its drift as variance.
    """
    if drift <= 0:
        return 0.0
    spread = math.sqrt(2 * drift)
    return min(1.0, _normal((drift - level) / spread) + math.exp(level) * _normal((-drift - level) / spread))


def _drift_for_even_odds(level: float) -> float:
    low, high = 0.0, level + 1.0
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if crossing_probability(middle, level) < 0.5 else (low, middle)
    return high


def _growth(
    test: ProportionQuestion, offset: float, champion_rate: float, challenger_rate: float, share: float
) -> float:
    null = HalfPlane(test.ratio, offset)
    growth = log_growth((1 - share) / share, 1.0, null, null.nearest(champion_rate), challenger_rate)
    return growth / test.dispersion


def _normal(value: float) -> float:
    return 0.5 * math.erfc(-value / math.sqrt(2))
