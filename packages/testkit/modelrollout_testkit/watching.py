"""Follows objects of a cluster as they change, and waits until they are as they should be."""

import json
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from types import TracebackType
from typing import IO, Self, TypeVar

from modelrollout_testkit.changes import Change, Object
from modelrollout_testkit.errors import TestkitError
from modelrollout_testkit.kubectl import Kubectl

T = TypeVar("T")

# How long a state is waited for that must come: long, since on a busy machine all takes its time.
PATIENCE = 420.0


class Watch:
    """The objects of one kind in a namespace, followed by one `kubectl get --watch`.

    on_change: called in the watch's own thread for every change.
    """

    def __init__(
        self, kubectl: Kubectl, kind: str, namespace: str, on_change: Callable[[Change], None] | None = None
    ) -> None:
        self._kind = kind
        self._on_change = on_change
        self._history: list[Change] = []
        self._objects: dict[str, Object] = {}
        self._changed = threading.Condition()
        self._ended = False
        self._process = kubectl.follow(
            "get", kind, f"--namespace={namespace}", "--watch", "--output-watch-events", "--output=json"
        )
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop to follow."""
        end(self._process)
        self._thread.join()

    def require_running(self) -> None:
        """Raises TestkitError if kubectl has ended by itself, so that there may be changes it has not told."""
        if self._ended:
            raise TestkitError(f"kubectl get {self._kind} --watch ended by itself")

    @property
    def history(self) -> list[Change]:
        """Every change so far."""
        with self._changed:
            return list(self._history)

    @property
    def objects(self) -> Mapping[str, Object]:
        """The objects as they are now, by name."""
        with self._changed:
            return dict(self._objects)

    def until(self, find: Callable[[Mapping[str, Object]], T | None], what: str, seconds: float = PATIENCE) -> T:
        """Wait until `find` gives something for the objects, by name, and return that.

        what: ends the sentence "waited in vain for ...". Raises TestkitError after `seconds`.
        """
        deadline = time.monotonic() + seconds
        with self._changed:
            while (found := find(self._objects)) is None or found is False:
                left = deadline - time.monotonic()
                if self._ended:
                    raise TestkitError(f"kubectl get {self._kind} --watch ended while we waited for {what}")
                if left <= 0:
                    raise TestkitError(f"waited in vain for {what} ({seconds:.0f} s)")
                self._changed.wait(left)
            return found

    def _read(self) -> None:
        assert self._process.stdout is not None
        try:
            for event in documents(self._process.stdout):
                self._take(event)
        finally:
            with self._changed:
                self._ended = True
                self._changed.notify_all()

    def _take(self, event: Object) -> None:
        name = event["object"]["metadata"]["name"]
        change = Change(time.time(), event["type"] == "DELETED", event["object"])
        with self._changed:
            self._history.append(change)
            if change.deleted:
                self._objects.pop(name, None)
            else:
                self._objects[name] = change.object
            self._changed.notify_all()
        if self._on_change:
            self._on_change(change)


def documents(stream: IO[str]) -> Iterator[Object]:
    """The JSON objects in a stream, each as soon as it is whole: on a line of its own, or indented over several."""
    lines: list[str] = []
    for line in stream:
        lines.append(line)
        if line.startswith("}") or (len(lines) == 1 and line.rstrip().endswith("}")):
            yield json.loads("".join(lines))
            lines.clear()


def end(process: "subprocess.Popen[str]", by: signal.Signals = signal.SIGTERM, seconds: float = 10) -> None:
    """Ask a child to end, and await that; after `seconds` kill it."""
    process.send_signal(by)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def eventually(find: Callable[[], T | None], what: str, seconds: float = PATIENCE, pause: float = 0.5) -> T:
    """Ask again and again until the answer is something. Raises TestkitError after `seconds`."""
    deadline = time.monotonic() + seconds
    while (found := find()) is None or found is False:
        if time.monotonic() > deadline:
            raise TestkitError(f"waited in vain for {what} ({seconds:.0f} s)")
        time.sleep(pause)
    return found
