"""Sinks that fail in the ways that tests need."""

import threading
from collections.abc import Sequence
from dataclasses import replace

from modelrollout_serving import Receipt, Record, Unavailable
from modelrollout_serving.identity import Identity

POD = Identity("ml", "digits", "v2", "0123456789")


def record(number: int = 0, **fields: object) -> Record:
    """A record of the request with that number."""
    made = Record(POD, f"request-{number}", "/predict", 1000.0 + number, "7", 0.9)
    return replace(made, **fields)  # type: ignore[arg-type]


class Kept:
    """A sink that keeps what it is sent, after failing in the ways that `failures` say, one a call."""

    def __init__(self, *failures: Exception) -> None:
        self.batches: list[list[Record]] = []
        self.closed = threading.Event()
        self._failures = list(failures)

    def send(self, records: Sequence[Record]) -> Receipt:
        if self._failures:
            raise self._failures.pop(0)
        self.batches.append(list(records))
        return Receipt(len(records))

    def close(self) -> None:
        self.closed.set()

    @property
    def records(self) -> list[Record]:
        return [record for batch in self.batches for record in batch]


class Stuck:
    """A sink that answers nothing until it is let go."""

    def __init__(self) -> None:
        self.asked = threading.Event()
        self.go = threading.Event()

    def send(self, records: Sequence[Record]) -> Receipt:
        self.asked.set()
        self.go.wait(30)
        raise Unavailable("still stuck")

    def close(self) -> None:
        """Nothing to end."""
