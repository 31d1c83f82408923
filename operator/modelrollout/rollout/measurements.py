"""What a metrics source reports about one gate.

Unknown is never a number: each way of not knowing has its own type, so that a gate cannot mistake it for a bad model.
"""

from dataclasses import dataclass

from modelrollout.evidence.blocks import Block


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
class Measured:
    """The values of a query gate at unix time `at`, in seconds; None where an arm has no (finite) value."""

    champion: float | None
    challenger: float | None
    at: float


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


Measurement = Counted | Measured | NoData | SourceDown | BadQuery
