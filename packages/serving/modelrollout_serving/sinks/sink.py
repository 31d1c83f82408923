"""What a sink is."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from modelrollout_serving.record import Record


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a batch: how many records were taken, known already, and refused for good."""

    accepted: int
    duplicates: int = 0
    rejected: int = 0
    why: str = ""
    """Of the first one that was refused."""


class Unavailable(Exception):
    """The sink takes nothing now: the same batch is sent again.

    after: not before so many seconds; the sender's own pace if None.
    """

    def __init__(self, why: str, after: float | None = None) -> None:
        super().__init__(why)
        self.after = after


class Sink(Protocol):
    """Takes records away. It is called by one thread, which no prediction waits for."""

    def send(self, records: Sequence[Record]) -> Receipt:
        """Deliver a batch. Raises Unavailable if it should be sent again later; records that came through already may
        then come twice.
        """

    def close(self) -> None:
        """Nothing more will be sent."""
