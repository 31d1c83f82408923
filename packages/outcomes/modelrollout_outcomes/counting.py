"""From predictions whose maturity is over to what is counted of them."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from modelrollout_outcomes.known import Known
from modelrollout_outcomes.scoring import as_class, is_right, losses, names_classes

WINDOW_SECONDS = 60
"""Length of the windows of request time that counts are kept for."""

WHOLE = ""
"""The segment that every prediction is in."""

OTHER = "other"
"""What stands for segments and classes beyond the first ones of a rollout."""


class Cell(NamedTuple):
    """What a count is of. `first` and `second` are the outcome, the loss, or the classes predicted and true."""

    cohort: int
    segment: str
    measure: str
    first: str
    second: str = ""


@dataclass
class Tally:
    """How many there were, and the sum of their values and of the squares of these."""

    count: int = 0
    total: float = 0.0
    square: float = 0.0

    def add(self, value: float = 0.0) -> None:
        self.count += 1
        self.total += value
        self.square += value * value

    def merge(self, other: "Tally") -> None:
        self.count += other.count
        self.total += other.total
        self.square += other.square


Name = Callable[[str, str], str]
"""Of a kind (`segment`, `class`) and a name of that kind: the name, or OTHER."""

Tallies = Mapping[Cell, Tally]


def tally(predictions: Iterable[Known], maturity: float, name: Name) -> Mapping[int, Tallies]:
    """Counts by the number of the window in which the requests were, each prediction counted as at its maturity.

    A truth that came later than that leaves it unlabelled and is counted as late.
    """
    windows: dict[int, dict[Cell, Tally]] = defaultdict(lambda: defaultdict(Tally))
    for each in predictions:
        cells = windows[int(each.at // WINDOW_SECONDS)]
        for measure, first, second, value in _measures(each, maturity, name):
            for segment in segments_of(each.segments, name):
                cells[Cell(each.cohort, segment, measure, first, second)].add(value)
    return windows


def late(predictions: Iterable[Known], name: Name) -> Tallies:
    """Counts of predictions whose first truth came after their maturity."""
    cells: dict[Cell, Tally] = defaultdict(Tally)
    for each in predictions:
        for segment in segments_of(each.segments, name):
            cells[Cell(each.cohort, segment, "late", _outcome(each))].add()
    return cells


def total(windows: Mapping[int, Tallies]) -> Tallies:
    """The counts of all windows together."""
    cells: dict[Cell, Tally] = defaultdict(Tally)
    for window in windows.values():
        for cell, tally_of_window in window.items():
            cells[cell].merge(tally_of_window)
    return cells


def segments_of(segments: Iterable[str], name: Name) -> Iterator[str]:
    """Each segment that a prediction counts in, once."""
    yield WHOLE
    yield from dict.fromkeys(name("segment", each) for each in segments)


def _measures(each: Known, maturity: float, name: Name) -> Iterator[tuple[str, str, str, float]]:
    if each.truth is None or each.truth_at is None:
        yield "matured", "unlabelled", "", 0.0
        return
    if each.truth_at > each.at + maturity:
        yield "matured", "unlabelled", "", 0.0
        yield "late", _outcome(each), "", 0.0
        return
    yield "matured", _outcome(each), "", 0.0
    if names_classes(each.prediction) and names_classes(each.truth):
        yield "class", name("class", as_class(each.prediction)), name("class", as_class(each.truth)), 0.0
    for loss, value in losses(each.prediction, each.confidence, each.truth, each.value):
        yield "loss", loss, "", value


def _outcome(each: Known) -> str:
    assert each.truth is not None
    return "right" if is_right(each.prediction, each.truth) else "wrong"
