"""The same question for means and drift: do the declared error rates hold?"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from modelrollout.evidence.drift import DriftTest, start_drift, update_drift
from modelrollout.evidence.mean import ArmSum, MeanState, MeanTest, update_mean
from tests.bench.calibration import DECLARED, interval

Array = np.ndarray
Draw = Callable[[np.random.Generator, tuple[int, ...]], Array]

MEAN_WINDOWS, DRIFT_WINDOWS = 150, 100
MEAN_MARGIN = 0.2
LEVEL = -math.log(DECLARED)

LAWS: dict[str, Draw] = {
    "normal": lambda rng, shape: rng.normal(0, 1, shape),
    "squared normal": lambda rng, shape: rng.normal(0, 1, shape) ** 2,
    "exponential": lambda rng, shape: rng.exponential(1, shape),
    "log-normal, sigma 1": lambda rng, shape: rng.lognormal(0, 1, shape),
}
EQUAL = np.full(10, 0.1)
# Total variation from EQUAL: exactly the tolerance of 0.05, and a cumulative distance of 0.1 at the middle.
AT_TOLERANCE = EQUAL + np.array([-0.025, -0.025, 0, 0, 0, 0, 0, 0, 0.025, 0.025])
AT_MARGIN = EQUAL + np.repeat([-0.02, 0.02], 5)


def _mean_rollout(rng: np.random.Generator, draw: Draw, gap: float) -> MeanState:
    test = MeanTest(margin=MEAN_MARGIN)
    champion = draw(rng, (MEAN_WINDOWS, 40)).sum(axis=1).tolist()
    challenger = (draw(rng, (MEAN_WINDOWS, 20)).sum(axis=1) + 20 * gap).tolist()
    state = MeanState()
    for theirs, ours in zip(champion, challenger, strict=True):
        state = update_mean(test, state, ArmSum(40, theirs), ArmSum(20, ours))
    return state


def _drift_evidence(rng: np.random.Generator, tolerated: float, rates: Array) -> tuple[float, float]:
    test = DriftTest(buckets=10, margin=0.1, tolerated=tolerated)
    champion = rng.multinomial(200, EQUAL, DRIFT_WINDOWS).tolist()
    challenger = rng.multinomial(20, rates, DRIFT_WINDOWS).tolist()
    state = start_drift(test)
    for theirs, ours in zip(champion, challenger, strict=True):
        state = update_drift(test, state, theirs, ours)
    return state.best_rollback, state.best_promotion


def run(rollouts: int, seed: int = 5) -> list[dict[str, Any]]:
    """One row per law of the metric (means) and per tolerance (drift)."""
    rows = []
    for name, draw in LAWS.items():
        rng = np.random.default_rng(seed)
        rollbacks = sum(_mean_rollout(rng, draw, 0.0).best_rollback >= LEVEL for _ in range(rollouts))
        promotions = sum(_mean_rollout(rng, draw, MEAN_MARGIN).best_promotion >= LEVEL for _ in range(rollouts))
        rows.append(_row(f"mean, {name}", rollouts, rollbacks, promotions))
    for tolerated, null in ((0.0, EQUAL), (0.05, AT_TOLERANCE)):
        rng = np.random.default_rng(seed)
        rollbacks = sum(_drift_evidence(rng, tolerated, null)[0] >= LEVEL for _ in range(rollouts))
        promotions = sum(_drift_evidence(rng, tolerated, AT_MARGIN)[1] >= LEVEL for _ in range(rollouts))
        rows.append(_row(f"drift, tolerance {tolerated:g}", rollouts, rollbacks, promotions))
    return rows


def _row(scenario: str, rollouts: int, rollbacks: int, promotions: int) -> dict[str, Any]:
    row: dict[str, Any] = {"scenario": scenario, "rollouts": rollouts}
    for error, count in (("false_rollback", rollbacks), ("false_promotion", promotions)):
        low, high = interval(count, rollouts)
        row |= {error: count / rollouts, f"{error}_low": low, f"{error}_high": high}
    row["holds"] = max(row["false_rollback_high"], row["false_promotion_high"]) <= 1.5 * DECLARED
    print(
        f"{scenario:55s} false rollback {row['false_rollback']:.4f} (<= {row['false_rollback_high']:.4f})"
        f"  false promotion {row['false_promotion']:.4f} (<= {row['false_promotion_high']:.4f})",
        flush=True,
    )
    return row
