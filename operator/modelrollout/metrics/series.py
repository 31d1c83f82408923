"""Recorded samples, as a source of metrics hands them over."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

Labels = Mapping[str, str]

NAME = "__name__"


class Unreadable(Exception):
    """There is nothing that could be counted; the message says why, for a person."""


@dataclass(frozen=True, slots=True)
class Series:
    """One time series: its labels, and its values by the time they were recorded at, in ms since the epoch.

    Values may be NaN or infinite. A time has one value, however often it was delivered.
    """

    labels: Labels
    samples: Mapping[int, float]

    @property
    def name(self) -> str:
        """Name of the metric."""
        return self.labels.get(NAME, "")


def parse_matrix(result: Iterable[Mapping[str, Any]]) -> list[Series]:
    """The series of a Prometheus answer of type matrix: [{"metric": {...}, "values": [[seconds, "value"], ...]}, ...].

    Raises Unreadable for native histograms, KeyError, TypeError or ValueError for anything else.
    """
    parsed = []
    for entry in result:
        if "histograms" in entry:
            raise Unreadable("the result is a histogram where a number is needed")
        samples = {round(float(seconds) * 1000): float(value) for seconds, value in entry["values"]}
        parsed.append(Series(labels=dict(entry["metric"]), samples=samples))
    return parsed
