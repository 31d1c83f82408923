"""From raw counter samples, scrape by scrape, to what was counted in each window.

Prometheus' own `increase` extrapolates to fractions, loses the first sample of a new series and smears over
changes of weight. Here every raw sample is used once: a counter that fell was reset and counts from zero; a
series seen for the first time counts in full (the first error of a pod is its first sample); one that is
missing keeps its last value, so that a missed scrape or a gap of the source merges into the next window; one
that never returns counts no more.
"""

import math
from collections.abc import Hashable, Mapping
from typing import TypeVar

Series = TypeVar("Series", bound=Hashable)


def increases(
    last: Mapping[Series, float], now: Mapping[Series, float]
) -> tuple[dict[Series, float], dict[Series, float]]:
    """What each series present in `now` has grown by since `last`, and the values to carry to the next call.

    `last` is the carried mapping of the call before. Before the first window take the samples then present as
    `last`, since they count what went before. Values that are not finite numbers are treated as missing.
    """
    present = {series: value for series, value in now.items() if math.isfinite(value)}
    grown = {}
    for series, value in present.items():
        before = last.get(series, 0.0)
        grown[series] = value - before if value >= before else value
    return grown, {**last, **present}
