"""What a metrics source reports about one gate.

Unknown is never a number: each way of not knowing has its own type, so that a gate cannot mistake it for a bad model.
"""

from dataclasses import dataclass

from modelrollout.evidence.counts import Block


@dataclass(frozen=True, slots=True)
class Window:
    """One scrape window in which both arms were scraped. `index` is floor(unix time / scrape interval)."""

    index: int
    block: Block


@dataclass(frozen=True, slots=True)
class Counted:
    """Events of both arms, window by window, in order.

    `through` is the last complete window looked at: windows up to it that are absent had no scrape of one arm.
    """

    windows: tuple[Window, ...]
    through: int
    note: str = ""


@dataclass(frozen=True, slots=True)
class Point:
    """The values of a query gate at the end of scrape window `index`; None where an arm has no (finite) value."""

    index: int
    champion: float | None
    challenger: float | None


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


Measurement = Counted | Evaluated | NoData | SourceDown | BadQuery
