"""What no counter of requests can show is left out, before anything is made of it."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from math import isfinite

from modelrollout.rollout.measurements import (
    BucketWindow,
    Datum,
    Evaluated,
    Measurement,
    NoData,
    Point,
    RestartCount,
    SumWindow,
    Window,
    Windowed,
    selected,
)

# Beyond it a counter, which is a float64, does not grow by one any more.
_MOST_COUNTED = 2**53
# Its square can still be multiplied by as many requests as can be counted.
_MOST_SUMMED = 1e100


def plausible(measurements: Mapping[str, Measurement]) -> Mapping[str, Measurement]:
    """The measurements, by gate, without the scrape windows that show more than can be counted, less than nothing, or
    what is no number. Where no window is left the reason is.
    """
    return {gate: _plausible(measurement) for gate, measurement in measurements.items()}


def _plausible(measurement: Measurement) -> Measurement:
    if isinstance(measurement, Evaluated):
        return replace(measurement, points=tuple(map(_finite, measurement.points)))
    if not isinstance(measurement, Windowed):
        return measurement
    absurd = {window.index: figure for window in measurement.windows if (figure := _absurd(window)) is not None}
    if not absurd:
        return measurement
    count = "1 scrape window is" if len(absurd) == 1 else f"{len(absurd)} scrape windows are"
    reason = f"{count} left out: {absurd[min(absurd)]:.4g} is no figure that can be judged"
    if len(absurd) == len(measurement.windows):
        return NoData(reason, measurement.through)
    left = selected(measurement, lambda index: index not in absurd)
    assert isinstance(left, Windowed)
    return replace(left, note="; ".join(filter(None, [left.note, reason])))


def _absurd(datum: Datum) -> float | None:
    """A figure that cannot be; None if all can."""
    match datum:
        case Window(block=block, refusals=refusals):
            return _first_absurd([*block.to_list(), *(refusals.to_list() if refusals else ())])
        case BucketWindow(champion=champion, challenger=challenger):
            return _first_absurd([*champion, *challenger])
        case SumWindow(champion=champion, challenger=challenger):
            sums = [arm.total for arm in (champion, challenger) if not abs(arm.total) <= _MOST_SUMMED]
            return sums[0] if sums else _first_absurd([champion.count, challenger.count])
        case Point() | RestartCount():
            return None


def _first_absurd(counts: Iterable[float]) -> float | None:
    found = next((count for count in counts if not 0 <= count <= _MOST_COUNTED), None)
    try:
        return None if found is None else float(found)
    except OverflowError:
        return float("inf")


def _finite(point: Point) -> Point:
    values = (value if value is not None and isfinite(value) else None for value in (point.champion, point.challenger))
    return Point(point.index, *values)
