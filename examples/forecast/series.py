"""Two months of hourly water flow in a pipeline, in litres per second, which river ships: maintenance and all."""

from datetime import datetime
from typing import NamedTuple

import numpy as np
from forecasters import HOURS
from numpy.typing import NDArray
from river.datasets import WaterFlow


class Windows(NamedTuple):
    """One row of `flows` (the HOURS hours before, oldest first) per value in `truths`, and the hour it is of."""

    flows: NDArray[np.float64]
    truths: NDArray[np.float64]
    hours: list[datetime]


def load_split() -> tuple[Windows, Windows]:
    """The first and the second half. The second one is the live traffic: never shuffle what has an order."""
    hours, flows = zip(*((features["Time"], flow) for features, flow in WaterFlow()), strict=True)
    rows = np.lib.stride_tricks.sliding_window_view(np.array(flows), HOURS)[:-1]
    windows = Windows(rows, np.array(flows[HOURS:]), list(hours[HOURS:]))
    middle = len(windows.truths) // 2
    return _part(windows, slice(middle)), _part(windows, slice(middle, None))


def _part(windows: Windows, part: slice) -> Windows:
    return Windows(windows.flows[part], windows.truths[part], windows.hours[part])
