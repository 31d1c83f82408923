"""What a metrics source reports about one gate.

Unknown is never a number: each way of not knowing has its own type, so that a gate cannot mistake it for a bad model.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from modelrollout.evidence.counts import ArmCounts, Block
from modelrollout.evidence.mean import ArmSum


@dataclass(frozen=True, slots=True)
class Window:
    """One scrape window in which both arms were scraped. `index` is floor(unix time / scrape interval).

    refusals: answers, and those with a 4xx code that is no error for the gate; None where they are not counted.
    pods: how many of the champion's and of the challenger's were counted; 0 where that is not known.
    """

    index: int
    block: Block
    refusals: Block | None = None
    pods: tuple[int, int] = field(default=(0, 0), compare=False)

    @property
    def requests(self) -> tuple[int, int]:
        """Of the champion and of the challenger."""
        return self.block.champion.total, self.block.challenger.total


@dataclass(frozen=True, slots=True)
class SumWindow:
    """The same for a mean: what both arms summed up, and over how many requests."""

    index: int
    champion: ArmSum
    challenger: ArmSum

    @property
    def requests(self) -> tuple[int, int]:
        """Of the champion and of the challenger."""
        return self.champion.count, self.challenger.count


@dataclass(frozen=True, slots=True)
class BucketWindow:
    """The same for drift: the requests of both arms by bucket, in the order of the gate's buckets."""

    index: int
    champion: tuple[int, ...]
    challenger: tuple[int, ...]

    @property
    def requests(self) -> tuple[int, int]:
        """Of the champion and of the challenger."""
        return sum(self.champion), sum(self.challenger)


@dataclass(frozen=True, slots=True)
class Counted:
    """Requests and bad requests of both arms, window by window, in order.

    `through` is the last complete window looked at: windows up to it that are absent had no scrape of one arm.
    incomplete: why a part of the pods is in none of them; empty if all are. What is counted may still speak against the
        challenger, but not for it.
    by_pod: what each pod counted in all of the windows, whichever its arm; empty where that is not known.
    """

    windows: tuple[Window, ...]
    through: int
    note: str = ""
    incomplete: str = ""
    by_pod: tuple[ArmCounts, ...] = field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class Summed:
    """As `Counted`, of a gate on a mean."""

    windows: tuple[SumWindow, ...]
    through: int
    note: str = ""
    incomplete: str = ""


@dataclass(frozen=True, slots=True)
class Bucketed:
    """As `Counted`, of a gate on drift."""

    windows: tuple[BucketWindow, ...]
    through: int
    note: str = ""
    incomplete: str = ""


@dataclass(frozen=True, slots=True)
class Point:
    """The values of a query gate at the end of scrape window `index`; None where an arm has no (finite) value."""

    index: int
    champion: float | None
    challenger: float | None


@dataclass(frozen=True, slots=True)
class RestartCount:
    """What the statuses of the pods tell in scrape window `index`: restarts of the containers that there are.

    share: the largest part of restarts, 0..1, that can be the challenger's by its pods and its traffic.
    last_exit: how the last of the challenger's containers ended that was started again, for a person.
    """

    index: int
    champion: int
    challenger: int
    share: float
    last_exit: str = ""


@dataclass(frozen=True, slots=True)
class Evaluated:
    """A query gate's values, one point for each complete window after the last one judged, up to `through`.

    They come from a range query with the scrape interval as its step, evaluated at the ends of the windows, so that the
    points do not depend on when one asks.
    """

    points: tuple[Point, ...]
    through: int


@dataclass(frozen=True, slots=True)
class NoData:
    """The source answered, but there is nothing to count."""

    message: str
    through: int


@dataclass(frozen=True, slots=True)
class SourceDown:
    """The source could not be reached, timed out or answered with an error of its own."""

    message: str


@dataclass(frozen=True, slots=True)
class BadQuery:
    """The source refused the query: the gate's expression needs to be corrected by its author."""

    message: str


Windowed = Counted | Summed | Bucketed
"""What is counted by scrape window, of gates that have error rates."""

Measurement = Counted | Summed | Bucketed | Evaluated | NoData | SourceDown | BadQuery

Datum = Window | SumWindow | BucketWindow | Point | RestartCount
"""What one gate measures in one scrape window."""


def selected(measurement: Measurement, wanted: Callable[[int], bool]) -> Measurement:
    """The measurement without the scrape windows that are not wanted, by their index."""
    match measurement:
        case Counted(windows):
            return replace(measurement, windows=tuple(window for window in windows if wanted(window.index)))
        case Summed(sums):
            return replace(measurement, windows=tuple(window for window in sums if wanted(window.index)))
        case Bucketed(buckets):
            return replace(measurement, windows=tuple(window for window in buckets if wanted(window.index)))
        case Evaluated(points):
            return replace(measurement, points=tuple(point for point in points if wanted(point.index)))
        case _:
            return measurement
