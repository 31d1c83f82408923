"""What is being done, how far it is and how long it has taken, on stderr."""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

_TICK_SECONDS = 15.0


@dataclass
class Progress:
    """Times each stage. A stage that takes long says so every 15 s, on a terminal every second."""

    quiet: bool = False
    stages: list[tuple[str, float]] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)

    @contextmanager
    def stage(self, title: str) -> Iterator[None]:
        """Show `title` while the body runs and keep its duration in seconds."""
        started = time.monotonic()
        stop = threading.Event()
        ticker = threading.Thread(target=self._tick, args=(title, started, stop), daemon=True)
        ticker.start()
        try:
            yield
        finally:
            stop.set()
            ticker.join()
            self.stages.append((title, time.monotonic() - started))
        self.say(f"{title}: {self.stages[-1][1]:.1f} s")

    def say(self, line: str) -> None:
        if not self.quiet:
            print(f"\r\033[K{line}" if sys.stderr.isatty() else line, file=sys.stderr, flush=True)

    def table(self) -> str:
        """The duration of every stage so far, one a line, and of all since the beginning."""
        rows = [*self.stages, ("from start to end", time.monotonic() - self.began)]
        width = max(len(title) for title, _ in rows)
        return "\n".join(f"  {title:<{width}}  {seconds:7.1f} s" for title, seconds in rows)

    def _tick(self, title: str, started: float, stop: threading.Event) -> None:
        terminal = sys.stderr.isatty()
        while not stop.wait(1.0 if terminal else _TICK_SECONDS):
            if self.quiet:
                continue
            line = f"{title} ... {time.monotonic() - started:.0f} s"
            print(
                f"\r\033[K{line}" if terminal else line,
                end="" if terminal else "\n",
                file=sys.stderr,
                flush=True,
            )
