"""The dispersion estimate over many rollouts at once; held equal to modelrollout.evidence.dispersion by a test."""

import numpy as np

from modelrollout.evidence import dispersion as engine
from modelrollout.evidence.proportion import UNMEASURED_DISPERSION

Array = np.ndarray


def upper_dispersion(totals: Array, bad: Array) -> Array:
    """`Dispersion.upper` for each rollout from counts of shape (rollouts, windows, pods)."""
    estimate, error, failures = _at_scale(totals, bad)
    for scale in engine._LONGER_SCALES:
        longer, longer_error, longer_failures = _at_scale(_merged(totals, scale), _merged(bad, scale))
        larger = longer - engine._STANDARD_ERRORS * longer_error > estimate
        estimate = np.where(larger, longer, estimate)
        error = np.where(larger, longer_error, error)
        failures = np.where(larger, longer_failures, failures)
    least = np.where(failures >= engine._LEAST_BAD, 1.0, UNMEASURED_DISPERSION)
    return np.maximum(least, estimate + engine._STANDARD_ERRORS * error)


def _at_scale(n: Array, x: Array) -> tuple[Array, Array, Array]:
    requests, failures = n.sum(axis=2), x.sum(axis=2)
    usable = requests >= 2
    some = np.maximum(requests, 2)
    observed = ((x - n * (failures / some)[:, :, None]) ** 2).sum(axis=2) * usable
    spread = (n * (requests[:, :, None] - n)).sum(axis=2) / some**2.0
    expected = spread * failures * (requests - failures) / (some - 1) * usable
    total = np.maximum(expected.sum(axis=1), 1e-300)
    estimate = observed.sum(axis=1) / total
    error = np.sqrt(((observed - estimate[:, None] * expected) ** 2 * (expected > 0)).sum(axis=1)) / total
    nothing = expected.sum(axis=1) == 0
    return (
        np.where(nothing, 1.0, estimate),
        np.where(nothing, 0.0, error),
        np.where(nothing, 0, failures.sum(axis=1)),
    )


def _merged(counts: Array, scale: int) -> Array:
    rollouts, windows, pods = counts.shape
    kept = windows // scale * scale
    return counts[:, :kept].reshape(rollouts, -1, scale, pods).sum(axis=2)
