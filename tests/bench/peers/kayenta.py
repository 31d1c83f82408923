"""Kayenta's judge for one metric (spinnaker/kayenta, MannWhitneyClassifier.scala, MannWhitney.scala, NetflixACAJudge).

The metric's points of canary and baseline are compared by a Mann-Whitney confidence interval of the location
shift, at a hard-coded level of 0.98. "High" is a shift whose lower bound exceeds a quarter of its own estimate and
whose ratio of means is at least `allowed_increase`. With a single metric, High means a score of 0 and the canary
fails.
"""

import math
from collections.abc import Sequence
from enum import StrEnum

import numpy as np
from scipy import optimize, stats

_LEVEL = 0.98
_TOLERANCE = 0.25


class Label(StrEnum):
    PASS = "Pass"
    HIGH = "High"
    LOW = "Low"
    NO_DATA = "Nodata"


def classify(
    control: Sequence[float],
    experiment: Sequence[float],
    *,
    tolerance: float = _TOLERANCE,
    level: float = _LEVEL,
    allowed_increase: float = 1.0,
    allowed_decrease: float = 1.0,
    direction: str = "either",
) -> Label:
    """The label of one metric; NaN points are removed first (nanStrategy remove)."""
    x, y = (np.asarray(values, float) for values in (experiment, control))
    x, y = x[~np.isnan(x)], y[~np.isnan(y)]
    if not len(x) or not len(y):
        return Label.NO_DATA
    if np.array_equal(np.sort(x), np.sort(y)) or len(np.unique(np.concatenate([x, y]))) == 1:
        return Label.PASS
    quantile = stats.norm.ppf((1 + level) / 2)
    effect = math.nan if x.mean() == 0 or y.mean() == 0 else x.mean() / y.mean()
    # Without significance neither bound can lie beyond the estimate's tolerance: spare the search for it.
    z = shift_statistic(0.0, x, y)
    if direction in {"increase", "either"} and z > quantile and not effect < allowed_increase:
        estimate = _root(0.0, x, y)
        if _root(quantile, x, y) > tolerance * abs(estimate):
            return Label.HIGH
    if direction in {"decrease", "either"} and z < -quantile and not effect > allowed_decrease:
        estimate = _root(0.0, x, y)
        if _root(-quantile, x, y) < -tolerance * abs(estimate):
            return Label.LOW
    return Label.PASS


def shift_statistic(shift: float, x: np.ndarray, y: np.ndarray) -> float:
    """Standardised rank sum of x - shift against y, with correction for continuity and ties (`wilcoxonDiff`)."""
    m, n = len(x), len(y)
    ranks = stats.rankdata(np.concatenate([x - shift, y]))
    _, ties = np.unique(ranks, return_counts=True)
    excess = ranks[:m].sum() - m * (m + 1) / 2 - m * n / 2
    variance = m * n / 12 * ((m + n + 1) - (ties**3.0 - ties).sum() / ((m + n) * (m + n - 1)))
    if variance <= 0:
        return 0.0
    return float((excess - math.copysign(0.5, excess) * (excess != 0)) / math.sqrt(variance))


def _root(quantile: float, x: np.ndarray, y: np.ndarray) -> float:
    """The shift at which the statistic equals `quantile`, within the range of differences."""
    low, high = x.min() - y.max(), x.max() - y.min()
    if shift_statistic(low, x, y) - quantile <= 0:
        return float(low)
    if shift_statistic(high, x, y) - quantile >= 0:
        return float(high)
    return float(optimize.brentq(lambda shift: shift_statistic(shift, x, y) - quantile, low, high, xtol=1e-6))
