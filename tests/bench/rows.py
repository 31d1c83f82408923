"""What the vectorised test computes with: rates, odds and windows as arrays with a row or a column for each rollout."""

from collections.abc import Sequence

import numpy as np

from modelrollout.evidence.halfplane import RATE_FLOOR

Array = np.ndarray


def settled_rows(rollouts: int, promotion: Array | bool = True, most: Array | float = 0.0, least: Array | float = 1.0):
    """`Settled` of every rollout."""
    return np.array([np.broadcast_to(row, rollouts).astype(float) for row in (promotion, most, least)])


def both_settled(one: Array, other: Array) -> Array:
    return np.array([np.minimum(one[0], other[0]), np.maximum(one[1], other[1]), np.minimum(one[2], other[2])])


def at_worst(counts: Array, settled: Array) -> Array:
    """`at_worst` of the engine."""
    requests = counts[0] + counts[2]
    champion = np.maximum(counts[1], np.minimum(counts[0], np.floor(settled[2] * requests)))
    return np.array([champion, counts[1], np.maximum(counts[2], np.ceil(settled[1] * requests)), counts[3]])


def nearest(rate: Array, ratio: float, offset: Array | float) -> Array:
    low = np.maximum(RATE_FLOOR, (RATE_FLOOR - offset) / ratio)
    high = np.minimum(1 - RATE_FLOOR, (1 - RATE_FLOOR - offset) / ratio)
    return np.clip(rate, low, high)


def with_odds_scaled(rate: Array, factor: Array | float) -> Array:
    scaled = rate * factor
    return scaled / (1 - rate + scaled)


def log_mean_exp(logs: Array, shares: Sequence[float] | None = None) -> Array:
    top = logs.max(axis=0)
    safe = np.where(np.isfinite(top), top, 0.0)
    with np.errstate(divide="ignore"):
        return safe + np.log(np.average(np.exp(logs - safe), axis=0, weights=shares))
