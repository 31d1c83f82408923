"""What one measurement may take of the operator: time, and bytes of answers."""

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from threading import BoundedSemaphore, Lock


class BudgetSpent(Exception):
    """More was asked for than the budget of a measurement holds."""


class LargeAnswers:
    """Who may hold long answers: few at a time, so that the memory that they take together is bounded."""

    def __init__(self, places: int = 1, small: int = 1024 * 1024) -> None:
        """small: bytes of answers that everybody may hold."""
        self.small = small
        self.places = BoundedSemaphore(places)


class Budget:
    """Time and bytes that the requests made `within` it may take together.

    Whoever waits for an answer when the time is over is woken by the end of the connection: no thread and no socket
    goes on working for what nobody waits for any more. `expire` may be called from any thread.
    """

    def __init__(self, seconds: float, most_bytes: int, large: LargeAnswers | None = None) -> None:
        self._end = time.monotonic() + seconds
        self._most_bytes = most_bytes
        self._spent = 0
        self._large = large
        self._holds_place = False
        self._expired = False
        self._held: set[socket.socket] = set()
        self._lock = Lock()

    @property
    def seconds_left(self) -> float:
        """Not below 0."""
        return 0.0 if self._expired else max(0.0, self._end - time.monotonic())

    def spend(self, size: int) -> None:
        """Take bytes, if need be once others have let go of theirs.

        Raises BudgetSpent if there are not so many left, or if it takes others too long.
        """
        self._spent += size
        if self._spent > self._most_bytes:
            raise BudgetSpent
        if self._large and self._spent > self._large.small and not self._holds_place:
            # What is left of the time is for the queries after this one.
            if not self._large.places.acquire(timeout=self.seconds_left / 2):
                raise BudgetSpent
            self._holds_place = True

    @property
    def spent(self) -> int:
        """Bytes that are held."""
        return self._spent

    def let_go(self, held: int = 0) -> None:
        """Only so many bytes are still held."""
        self._spent = held
        if self._large and held <= self._large.small:
            self.close()

    def expire(self) -> None:
        """End the time now, and every connection that is waited on."""
        with self._lock:
            self._expired = True
            for held in self._held:
                _shut_down(held)

    def close(self) -> None:
        """Let others have what this one holds."""
        if self._large and self._holds_place:
            self._holds_place = False
            self._large.places.release()

    @contextmanager
    def holding(self, connection: socket.socket) -> Iterator[None]:
        """The connection ends when the budget expires, until this is left."""
        with self._lock:
            self._held.add(connection)
            if self._expired:
                _shut_down(connection)
        try:
            yield
        finally:
            with self._lock:
                self._held.discard(connection)


_CURRENT: ContextVar[Budget | None] = ContextVar("budget", default=None)


def current_budget() -> Budget | None:
    """The one that requests of this thread are made within."""
    return _CURRENT.get()


@contextmanager
def within(budget: Budget) -> Iterator[Budget]:
    """Requests of this thread take from the budget, until this is left."""
    token = _CURRENT.set(budget)
    try:
        yield budget
    finally:
        _CURRENT.reset(token)
        budget.close()


def _shut_down(connection: socket.socket) -> None:
    try:
        # Of the socket below TLS: a TLS goodbye could itself be waited for.
        socket.socket.shutdown(connection, socket.SHUT_RDWR)
    except OSError:
        return
