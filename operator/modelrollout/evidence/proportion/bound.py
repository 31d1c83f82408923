"""How far the challenger may surely not lie beyond the margin: the bound by which a risk budget is spent."""

import math
from collections.abc import Sequence

GAP_LADDER = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
BOUND_ERROR = 0.05
LEVEL = -math.log(BOUND_ERROR)


def open_rungs(log_ladder: Sequence[float], margin: float) -> list[int]:
    """Rungs beyond the margin, up to the first that is reached: the bound never takes back what it excluded."""
    first = next((rung for rung, log_e in enumerate(log_ladder) if log_e >= LEVEL), len(log_ladder))
    return [rung for rung in range(first) if GAP_LADDER[rung] > margin]


def bound_beyond_margin(log_ladder: Sequence[float], margin: float, best_promotion: float) -> float:
    """Upper 95 % confidence bound, at every look, of how far the challenger's rate lies beyond the margin.

    That is challenger - (ratio * champion + margin): 1 while nothing is known, 0 once the margin is surely kept.
    If the gap changes over time this bounds the smallest it has been: the rollback evidence watches for growth.
    """
    if best_promotion >= LEVEL:
        return 0.0
    reached = [gap for gap, log_e in zip(GAP_LADDER, log_ladder, strict=True) if log_e >= LEVEL]
    return min(reached) - margin if reached else 1.0
