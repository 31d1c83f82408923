"""How many requests a decision takes, before or during a rollout.

Log evidence drifts upward by a constant expected amount per window; the time to cross a level is approximated
by that of a Brownian motion with the same drift and variance (inverse Gaussian). Estimates, not guarantees:
they tell an operator whether a rollout can be decided at all at its traffic.
"""

import math
from dataclasses import dataclass

from modelrollout.evidence.halfplane import HalfPlane, log_growth
from modelrollout.evidence.proportion import ProportionTest

# Evidence that the mixtures over unknown effects cost against the best single guess, in nats. Measured by
# simulation.
_ROLLBACK_MIXTURE_COST = math.log(2) + math.log(4)
_PROMOTION_MIXTURE_COST = math.log(2)


@dataclass(frozen=True, slots=True)
class Effort:
    """Drift of the log evidence per challenger request and the level that it must reach, in nats."""

    growth: float
    level: float

    @property
    def requests(self) -> float:
        """Challenger requests until the level is reached, on average; infinite without growth."""
        return self.level / self.growth if self.growth > 0 else math.inf

    def power(self, requests: float) -> float:
        """Probability of reaching the level within so many challenger requests.

        The log likelihood ratio of a small effect has a variance of twice its drift.
        """
        if self.growth <= 0 or requests <= 0:
            return 0.0
        drift = self.growth * requests
        spread = math.sqrt(2 * drift)
        reached = _normal(drift - self.level, spread)
        return min(1.0, reached + math.exp(self.level) * _normal(-drift - self.level, spread))


def rollback_effort(test: ProportionTest, champion_rate: float, challenger_rate: float, share: float) -> Effort:
    """Effort to roll back a challenger of that rate; `share` is its part of all requests, between 0 and 1."""
    level = -math.log(test.alpha) + _ROLLBACK_MIXTURE_COST
    allowed = test.ratio * champion_rate + test.tolerated
    if challenger_rate <= allowed:
        return Effort(0.0, level)
    return Effort(_growth(test, test.tolerated, champion_rate, challenger_rate, share), level)


def promotion_effort(
    test: ProportionTest, champion_rate: float, share: float, challenger_rate: float | None = None
) -> Effort:
    """Effort to promote a challenger of that rate, by default one that is as good as the champion."""
    level = -math.log(test.beta) + _PROMOTION_MIXTURE_COST
    expected = champion_rate if challenger_rate is None else challenger_rate
    if expected >= test.ratio * champion_rate + test.margin:
        return Effort(0.0, level)
    return Effort(_growth(test, test.margin, champion_rate, expected, share), level)


def _growth(test: ProportionTest, offset: float, champion_rate: float, challenger_rate: float, share: float) -> float:
    null = HalfPlane(test.ratio, offset)
    growth = log_growth((1 - share) / share, 1.0, null, null.nearest(champion_rate), challenger_rate)
    return growth / test.dispersion


def _normal(value: float, spread: float) -> float:
    return 0.5 * math.erfc(-value / spread / math.sqrt(2))
