"""What was seen of a version while it had its present share of the traffic."""

from collections.abc import Mapping

from modelrollout.rollout.measurements import Evaluated, Measurement, Windowed


def seen(measurements: Mapping[str, Measurement], *, after: int, through: int) -> int:
    """The challenger's requests in the scrape windows after one and up to another, by the gate that counts most.

    A query gate counts no requests: each value that it has of the challenger counts as one.
    """
    return max((_of_gate(measurement, after, through) for measurement in measurements.values()), default=0)


def _of_gate(measurement: Measurement, after: int, through: int) -> int:
    if isinstance(measurement, Windowed):
        return sum(window.requests[1] for window in measurement.windows if after < window.index <= through)
    if isinstance(measurement, Evaluated):
        return sum(after < point.index <= through and point.challenger is not None for point in measurement.points)
    return 0
