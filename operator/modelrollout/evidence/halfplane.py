"""The e-value of one scrape window against a half-plane of rates: the engine of every gate on proportions.

The null is challenger rate <= ratio * champion rate + offset (or >=, for promotion). For any point (a, b) on
its boundary and any stake c of the right sign

    S = prod over challenger requests (1 + c/n_b (X - b)) * prod over champion requests (1 - c*ratio/n_a (X -
    a))

has expectation at most 1. Proof: a request with probability p of being bad contributes 1 + c/n_b (p - b), and
1 + u <= exp(u), so E[S] <= exp(c * ((rate_b - b) - ratio * (rate_a - a))) = exp(c * (rate_b - ratio * rate_a
- offset)), which is at most 1 when c >= 0 under the <= null and when c <= 0 under the >= null. Only the mean
rates of the window enter: requests may differ in their probabilities, windows in their rates, and any
incident that hits both arms is harmless. Needed are independence of the requests given the past and a point
and stake that are chosen from the past.

The point and stake used are those that make S the likelihood ratio of an expected alternative (rate_a,
rate_b) to its Kullback-Leibler projection onto the boundary, which grows fastest under that alternative
(Turner, Ly and Grunwald, "Generic E-variables for exact sequential k-sample tests", 2024). An inexact
projection costs growth, never validity.
"""

import math
from collections.abc import Iterable
from typing import NamedTuple

from modelrollout.evidence.counts import Block

RATE_FLOOR = 1e-6
_LARGEST_STAKE = 0.98
_PROJECTION_STEPS = 2


class HalfPlane(NamedTuple):
    """The boundary challenger = ratio * champion + offset in the square of the two rates."""

    ratio: float
    offset: float

    def nearest(self, champion_rate: float) -> float:
        """The champion rate nearest to the given one at which the boundary lies inside the square."""
        low = max(RATE_FLOOR, (RATE_FLOOR - self.offset) / self.ratio)
        high = min(1 - RATE_FLOOR, (1 - RATE_FLOOR - self.offset) / self.ratio)
        return low if champion_rate < low else min(champion_rate, high)

    def allowed(self, champion_rate: float) -> float:
        """The challenger rate on the boundary."""
        return self.ratio * champion_rate + self.offset


def with_odds_scaled(rate: float, factor: float) -> float:
    """The rate whose odds are `factor` times those of `rate`: a multiple for rare events, never beyond 1."""
    scaled = rate * factor
    return scaled / (1 - rate + scaled)


def log_e_value(window: Block, null: HalfPlane, champion_rate: float, challenger_rate: float) -> float:
    """Logarithm of S for one window in which both arms had requests.

    The two rates are the alternative that the stake is made for, chosen before the window, the champion's
    such that the boundary lies inside the square there (`nearest`). A challenger rate above the boundary
    makes S evidence against the <= null, one below it evidence against the >= null.
    """
    champion, challenger = window.champion, window.challenger
    return log_e_value_of_counts(
        (champion.total, champion.bad), (challenger.total, challenger.bad), null, champion_rate, challenger_rate
    )


def log_e_value_against_figure(total: float, bad: float, null_rate: float, rate: float) -> float:
    """Logarithm of S for one window of one arm against a fixed rate: the likelihood ratio of `rate` to it."""
    return bad * math.log(rate / null_rate) + (total - bad) * math.log((1 - rate) / (1 - null_rate))


def log_growth(
    champion_total: float,
    challenger_total: float,
    null: HalfPlane,
    champion_rate: float,
    challenger_rate: float,
) -> float:
    """Expected log S of a window when the alternative is true and the stake was made for it (planning only).

    A challenger's rate of 0 or 1 is taken for one a millionth away: for sure things the growth has no bound.
    """
    challenger_rate = min(max(challenger_rate, RATE_FLOOR), 1 - RATE_FLOOR)
    champion = champion_total, champion_total * champion_rate
    challenger = challenger_total, challenger_total * challenger_rate
    return log_e_value_of_counts(champion, challenger, null, champion_rate, challenger_rate)


def log_e_value_of_counts(
    champion: tuple[float, float],
    challenger: tuple[float, float],
    null: HalfPlane,
    champion_rate: float,
    challenger_rate: float,
) -> float:
    """As `log_e_value`, of requests and bad ones of both arms; of expected numbers it is the expectation."""
    return log_e_values(champion, challenger, null, champion_rate, (challenger_rate,))[0]


def log_e_values(
    champion: tuple[float, float],
    challenger: tuple[float, float],
    null: HalfPlane,
    champion_rate: float,
    challenger_rates: Iterable[float],
) -> list[float]:
    """As `log_e_value_of_counts`, for each of several alternatives for the challenger.

    The boundary point of each is the one nearest to the alternative, by fixed-point steps on the stationarity
    condition. The first guess is exact for ratio 1 with offset 0, and for rare events with offset 0.
    """
    (champion_total, champion_bad), (challenger_total, challenger_bad) = champion, challenger
    champion_good, challenger_good = champion_total - champion_bad, challenger_total - challenger_bad
    ratio, offset = null
    lowest, highest = null.nearest(0.0), null.nearest(1.0)
    champion_part, challenger_part = champion_total * champion_rate, ratio * challenger_total
    per_request = challenger_part / champion_total
    log1p = math.log1p
    found = []
    for rate in challenger_rates:
        excess = rate - offset
        a = (champion_part + challenger_total * excess) / (champion_total + challenger_part)
        a = lowest if a < lowest else min(a, highest)
        b = ratio * a + offset
        for _ in range(_PROJECTION_STEPS):
            champion_weight = champion_total * b * (1 - b)
            challenger_weight = challenger_part * a * (1 - a)
            a = (champion_weight * champion_rate + challenger_weight * excess) / (
                champion_weight + ratio * challenger_weight
            )
            a = lowest if a < lowest else min(a, highest)
            b = ratio * a + offset
        challenger_stake = (rate - b) / (b * (1 - b))
        champion_stake = challenger_stake * per_request
        limit = _LARGEST_STAKE / (1 - a) if champion_stake > 0 else _LARGEST_STAKE / a
        if abs(champion_stake) > limit:
            challenger_stake *= limit / abs(champion_stake)
            champion_stake = math.copysign(limit, champion_stake)
        log_s = challenger_good * log1p(-challenger_stake * b) + champion_good * log1p(champion_stake * a)
        if challenger_bad:
            log_s += challenger_bad * log1p(challenger_stake * (1 - b))
        if champion_bad:
            log_s += champion_bad * log1p(-champion_stake * (1 - a))
        found.append(log_s)
    return found
