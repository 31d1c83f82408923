"""How much traffic there is. The budget of a ramp and estimates of time rest on it; no verdict does."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import inf

from modelrollout.rollout.measurements import Measurement, Windowed

_HALF_LIFE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast evidence comes.

    traffic: requests per second of all versions together; None while it is not known.
    challenger_share: the part of them, 0..1, that the challenger gets now.
    seconds_left: until the deadline of the rollout. seconds_unsettled: until late answers are no longer waited for.
    """

    traffic: float | None = None
    challenger_share: float = 0.0
    seconds_left: float = inf
    seconds_unsettled: float = 0.0

    @property
    def challenger_rate(self) -> float:
        """Requests per second of the challenger; 0 while nothing is known."""
        return (self.traffic or 0.0) * self.challenger_share

    def for_part(self, part: float) -> "Pace":
        """The pace of a gate that counts only a part, 0..1, of the challenger's requests."""
        return replace(self, challenger_share=self.challenger_share * part)


def follow_traffic(
    earlier: float | None, measurements: Mapping[str, Measurement], *, after: int, share: float, scrape_interval: float
) -> float | None:
    """Requests per second of all versions together, smoothed over minutes, after what was measured since `earlier`.

    measurements: by gate; the one with most requests is taken, since not all need to count each.
    after: index of the scrape window up to which `earlier` is about. share: the part of the traffic, 0..1, that goes to
        the two versions measured; 0 if that is not known, and then nothing is learnt.
    """
    most = max((m for m in measurements.values() if isinstance(m, Windowed)), key=_requests, default=None)
    if most is None or not share:
        return earlier
    traffic = earlier
    for window in most.windows:
        seconds = (window.index - after) * scrape_interval
        rate = sum(window.requests) / seconds / share
        kept = 0.5 ** (seconds / _HALF_LIFE_SECONDS)
        traffic = rate if traffic is None else kept * traffic + (1 - kept) * rate
        after = window.index
    return traffic


def _requests(measurement: Windowed) -> int:
    return sum(sum(window.requests) for window in measurement.windows)
