"""A bounded buffer, and the thread that empties it."""

import os
import random
import threading
from collections import deque
from time import monotonic

from modelrollout_serving.complaints import complain
from modelrollout_serving.metrics import count_dropped, count_records
from modelrollout_serving.record import Record
from modelrollout_serving.sinks.sink import Receipt, Sink, Unavailable

_BATCH = 500
_PAUSE_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 60.0


class Sender:
    """Takes records to a sink in batches, as long as there is room for them; what finds no room is dropped and counted.

    room: records that may wait. pause: seconds between batches that are not full. The thread begins with the first
    record, so that a process that is forked before has one of its own.
    """

    def __init__(self, sink: Sink, room: int = 20_000, pause: float = _PAUSE_SECONDS) -> None:
        self._sink = sink
        self._room = room
        self._pause = pause
        self._begin_anew()

    def put(self, record: Record) -> None:
        """Have a record sent. Never waits."""
        if self._process != os.getpid():
            self._begin_anew()
        waiting = self._waiting
        if len(waiting) >= self._room or self._stop.is_set():
            count_dropped("full" if not self._stop.is_set() else "closed")
            return
        waiting.append(record)
        if self._thread is None:
            self._start()
        elif len(waiting) == _BATCH:
            self._wake.set()

    def close(self, seconds: float = 5.0) -> None:
        """Send what waits, for at most so long, and count the rest as dropped."""
        self._deadline = monotonic() + seconds
        self._stop.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join(seconds)
        if left := len(self._waiting):
            count_dropped("closed", left)
            complain("closed", "%d records of predictions could not be sent before the end", left)

    def _begin_anew(self) -> None:
        """In this process nothing waits and nobody sends."""
        self._process = os.getpid()
        self._waiting: deque[Record] = deque()
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        self._deadline = float("inf")

    def _start(self) -> None:
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="modelrollout-serving", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while not self._stop.is_set() or self._waiting:
            self._wake.clear()
            if len(self._waiting) < _BATCH and not self._stop.is_set():
                self._wake.wait(self._pause)
            batch = self._take()
            if batch and not self._deliver(batch):
                self._waiting.extendleft(reversed(batch))
                return
        self._sink.close()

    def _take(self) -> list[Record]:
        return [self._waiting.popleft() for _ in range(min(_BATCH, len(self._waiting)))]

    def _deliver(self, batch: list[Record]) -> bool:
        """Send a batch, as often as it takes. False if the end came before."""
        pause = self._pause
        while True:
            try:
                self._count(self._sink.send(batch))
                return True
            except Unavailable as error:
                complain("unavailable", "predictions wait to be recorded: %s", error)
                wait = pause * random.uniform(0.5, 1.0) if error.after is None else error.after
            except Exception as error:
                complain("fault", "%d records of predictions are lost: %r", len(batch), error)
                count_dropped("fault", len(batch))
                return True
            if monotonic() + wait > self._deadline:
                return False
            self._stop.wait(wait)
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)

    def _count(self, receipt: Receipt) -> None:
        count_records("accepted", receipt.accepted)
        count_records("duplicate", receipt.duplicates)
        count_records("rejected", receipt.rejected)
        if receipt.rejected:
            complain("rejected", "%d records of predictions are refused: %s", receipt.rejected, receipt.why)
