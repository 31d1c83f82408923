"""The dispersion estimate over many rollouts at once; held equal to modelrollout.evidence.dispersion by a test."""

import numpy as np

from modelrollout.evidence import dispersion as engine
from modelrollout.evidence.proportion import UNMEASURED_DISPERSION

Array = np.ndarray


def upper_dispersion(totals: Array, bad: Array) -> Array:
    """`Dispersion.upper` for each rollout from counts of shape (rollouts, windows, pods)."""
    found = _at_scale(totals, bad)
    for scale in engine._LONGER_SCALES:
        longer = _at_scale(_merged(totals, scale), _merged(bad, scale))
        found = np.where(longer[0] - engine._STANDARD_ERRORS * longer[1] > found[0], longer, found)
    estimate, error, one_more, failures = found
    least = 1 + np.maximum(0.0, 1 - failures / engine._ENOUGH_BAD) * (UNMEASURED_DISPERSION - 1)
    return np.maximum(least, estimate + engine._STANDARD_ERRORS * error + one_more)


def _at_scale(n: Array, x: Array) -> Array:
    """Rows: estimate, standard error, what one more burst would add, bad requests."""
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
    known = np.array([estimate, error, observed.max(axis=1) / total, failures.sum(axis=1)])
    return np.where(nothing, np.array([[1.0], [0.0], [0.0], [0.0]]), known)


def _merged(counts: Array, scale: int) -> Array:
    rollouts, windows, pods = counts.shape
    kept = windows // scale * scale
    return counts[:, :kept].reshape(rollouts, -1, scale, pods).sum(axis=2)
