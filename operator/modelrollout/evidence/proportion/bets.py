"""What a challenger may be like: the alternatives that evidence is bet on, and how much on each.

A bad guess costs time and never validity. docs/evidence.md says what each was chosen for.
"""

from modelrollout.evidence.counts import ArmCounts
from modelrollout.evidence.halfplane import HalfPlane, with_odds_scaled

# What a regression may look like, as multiples of the tolerated odds; in between, the nearest keeps nine tenths of the
# growth.
REGRESSIONS = (1.25, 1.6, 2.4, 5.0, 11.0, 33.0)
# How much is bet on each. Small ones take longest, so that what they cost counts for most.
REGRESSION_SHARES = (0.24, 0.28, 0.2, 0.1, 0.06, 0.12)
# The multiples from which on a failure is gross: no burst of a working service explains it.
GROSS = 5.0
# Weight of a regression from the start against one of later onset. The latter has the horizon to pay for anyway.
FROM_THE_START = 0.75

# What a good challenger may look like (`good_rates`): as good as the champion, clearly better, or as it has shown
# itself so far; and how much of the mixture is bet on each.
GOOD_SHARES = (0.5, 0.2, 0.3)
BETTER = 0.6
# Requests until which the hope weighs more than what the challenger has shown.
HOPE_WEIGHT = 50
# By how much more than measured failures are taken to be bunched in the last of them. A bet on a small difference
# gathers evidence in many small steps, which no cap stops: there a dispersion that the history shows too small tells
# most.
CAUTION = 2.0
NEARLY_AT_MARGIN = 0.9


def regressed_rates(allowed: float) -> list[float]:
    """Rates of challengers worth a rollback, one for each of `REGRESSIONS`."""
    return [with_odds_scaled(allowed, odds) for odds in REGRESSIONS]


def hoped_rate(null: HalfPlane, champion_rate: float) -> float:
    """The rate of a challenger worth promoting: the champion's, or just below the boundary if lower."""
    return min(champion_rate, _nearly_at(null, champion_rate))


def good_rates(null: HalfPlane, champion_rate: float, shown: ArmCounts) -> tuple[float, float, float]:
    """Rates of challengers worth promoting, one for each of `GOOD_SHARES`.

    shown: what the challenger had answered before the window.
    """
    hoped = hoped_rate(null, champion_rate)
    so_far = (shown.bad + HOPE_WEIGHT * hoped) / (shown.total + HOPE_WEIGHT)
    return hoped, with_odds_scaled(hoped, BETTER), min(so_far, _nearly_at(null, champion_rate))


def _nearly_at(null: HalfPlane, champion_rate: float) -> float:
    return with_odds_scaled(null.allowed(champion_rate), NEARLY_AT_MARGIN)
