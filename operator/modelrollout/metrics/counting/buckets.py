"""A histogram as it was read, in whatever format: how many observations lie in which bucket."""

from bisect import bisect_left
from collections.abc import Collection
from dataclasses import dataclass
from itertools import accumulate
from math import copysign, isclose

# Boundaries that differ by less are one: "1100ms" and "1.1" need not be the same float.
_ROUNDING = 1e-9


LARGEST_COUNT = 2.0**53
"""Above it a float does not tell one more, so it counts nothing."""


@dataclass(frozen=True, slots=True)
class Histogram:
    """Buckets in ascending order. An observation x lies in one if lower < x <= upper, and none lies between two.

    cumulative: observations up to the end of each bucket.
    """

    lowers: tuple[float, ...] = ()
    uppers: tuple[float, ...] = ()
    cumulative: tuple[int, ...] = ()

    @classmethod
    def of(cls, buckets: Collection[tuple[float, float, float]]) -> "Histogram | None":
        """From (lower, upper, count) in ascending order; None if not all of them are counts."""
        if not all(0 <= count <= LARGEST_COUNT for _, _, count in buckets):
            return None
        return cls(
            tuple(lower for lower, _, _ in buckets),
            tuple(upper for _, upper, _ in buckets),
            tuple(accumulate(round(count) for _, _, count in buckets)),
        )

    @property
    def total(self) -> int:
        """All observations."""
        return self.cumulative[-1] if self.cumulative else 0

    def up_to(self, boundary: float) -> int:
        """Observations up to a boundary; exact if it lies inside no bucket."""
        index = self._first_from(boundary)
        if index < len(self.uppers) and isclose(self.uppers[index], boundary, rel_tol=_ROUNDING):
            index += 1
        return self.cumulative[index - 1] if index else 0

    def around(self, value: float) -> tuple[float, float]:
        """The ends of the bucket that a value lies inside of; the value itself, twice, if there is none."""
        index = self._first_from(value)
        if index < len(self.uppers):
            lower, upper = self.lowers[index], self.uppers[index]
            if lower < value < upper and not any(isclose(end, value, rel_tol=_ROUNDING) for end in (lower, upper)):
                return lower, upper
        return value, value

    def _first_from(self, value: float) -> int:
        """Index of the first bucket that ends at a value or above it."""
        return bisect_left(self.uppers, value * (1 - copysign(_ROUNDING, value)))


def boundary_from(threshold: float, histograms: Collection[Histogram]) -> float:
    """The smallest value from a threshold above 0 on that lies inside no bucket of any histogram; may be infinite.

    There, and nowhere below, the observations above the threshold can be told from the others without interpolation.
    """
    while (end := max((one.around(threshold)[1] for one in histograms), default=threshold)) > threshold:
        threshold = end
    return threshold


def boundary_before(threshold: float, histograms: Collection[Histogram]) -> float:
    """The largest value up to a threshold above 0 that lies inside no bucket of any histogram; 0 if none does."""
    while (start := min((one.around(threshold)[0] for one in histograms), default=threshold)) < threshold:
        if start <= 0:
            return 0.0
        threshold = start
    return threshold
