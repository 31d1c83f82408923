"""Slow answers from classic histograms. Their number is known only at the boundary of a bucket, so it is read there."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from math import inf, isclose, isinf

from modelrollout.metrics.series import Series, Unreadable

LE = "le"


@dataclass(frozen=True, slots=True)
class Boundary:
    """Where slow begins: above `seconds`. The note says so if it is not the threshold that was asked for."""

    seconds: float
    note: str = ""


def choose_boundary(threshold: float, boundaries: Collection[frozenset[float]]) -> Boundary:
    """The smallest boundary from `threshold` (seconds) on that all histograms have; without histograms the threshold.

    boundaries: the boundaries of every histogram, in seconds.
    Raises Unreadable if only infinity is left.
    """
    if not boundaries:
        return Boundary(threshold)
    common = sorted(frozenset.intersection(*boundaries))
    # "1100ms" and "1.1" need not be the same float.
    seconds = next((b for b in common if b >= threshold or isclose(b, threshold)), inf)
    listed = ", ".join(f"{boundary:g}" for boundary in common if not isinf(boundary)) or "none"
    if isinf(seconds):
        raise Unreadable(
            f"no histogram bucket ends at or above the threshold of {threshold:g} s in every pod; common boundaries in "
            f"seconds: {listed}"
        )
    if isclose(seconds, threshold):
        return Boundary(seconds)
    return Boundary(
        seconds,
        f"answers slower than {seconds:g} s are counted: {threshold:g} s is no bucket boundary (they are, in seconds: "
        f"{listed})",
    )


def boundaries_by_pod(buckets: Sequence[Series]) -> Mapping[str, frozenset[float]]:
    """The bucket boundaries of each pod, in seconds."""
    found: dict[str, set[float]] = {}
    for series in buckets:
        found.setdefault(series.labels.get("pod", ""), set()).add(_boundary(series))
    return {pod: frozenset(boundaries) for pod, boundaries in found.items()}


def buckets_up_to(seconds: float, buckets: Sequence[Series]) -> list[Series]:
    """The cumulative buckets that end at `seconds` (infinity: all answers), without the label of their boundary."""
    return [
        Series({label: value for label, value in series.labels.items() if label != LE}, series.samples)
        for series in buckets
        if _boundary(series) == seconds
    ]


def _boundary(series: Series) -> float:
    try:
        return float(series.labels[LE])
    except (KeyError, ValueError):
        raise Unreadable(f"a bucket of {series.name} has no boundary in its label {LE}") from None
