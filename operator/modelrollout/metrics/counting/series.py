"""Recorded samples, as a source of metrics hands them over."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from modelrollout.metrics.counting.buckets import Histogram

Labels = Mapping[str, str]
Value = TypeVar("Value")

NAME = "__name__"


class Unreadable(Exception):
    """There is nothing that could be counted; the message says why, for a person."""


# Without slots, which do not go together with calling a subscripted class (python/cpython#89683).
@dataclass(frozen=True)
class Recorded(Generic[Value]):
    """One time series: its labels, and its values by the time they were recorded at, in ms since the epoch.

    Numbers may be NaN or infinite. A time has one value, however often it was delivered.
    """

    labels: Labels
    samples: Mapping[int, Value]

    @property
    def name(self) -> str:
        """Name of the metric."""
        return self.labels.get(NAME, "")

    def label(self, name: str) -> str:
        """Value of a label that the pod itself gave; empty if there is none.

        Where the target has a label of that name, too, Prometheus renames the one of the pod.
        """
        return self.labels.get(f"exported_{name}", self.labels.get(name, ""))


Series = Recorded[float]
HistogramSeries = Recorded[Histogram | None]
"""A series of native histograms; None is one whose numbers are no counts."""
