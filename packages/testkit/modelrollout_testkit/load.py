"""Steady traffic through the gateway with vegeta."""

import json
import signal
import subprocess
import sys
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

from modelrollout_localcluster import tool_path
from modelrollout_testkit.answers import Answer, answer_of
from modelrollout_testkit.checkout import Checkout
from modelrollout_testkit.errors import TestkitError
from modelrollout_testkit.watching import end

HOST = "digits.example"

_TIMEOUT_SECONDS = 30


class Load:
    """Sends held-out images at a steady rate from `with` on until it ends.

    url: of the gateway. folder: where the requests are written to. rate: requests per second. host: that they ask for.
    """

    def __init__(self, checkout: Checkout, url: str, folder: Path, rate: int, host: str = HOST) -> None:
        self.rate = rate
        self._targets = folder / "targets.jsonl"
        labels = folder / "labels.jsonl"
        make: list[str | Path] = [sys.executable, checkout.example / "make_targets.py", "--url", url, "--host", host]
        subprocess.run([*make, "--targets", self._targets, "--labels", labels], check=True)
        self._labels = {label["row"]: label["digit"] for label in map(json.loads, labels.read_text().splitlines())}
        self._answers: list[Answer] = []
        self._lock = threading.Lock()
        self._attack: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        vegeta = str(tool_path("vegeta"))
        options = [f"-targets={self._targets}", f"-rate={self.rate}", f"-timeout={_TIMEOUT_SECONDS}s"]
        # In sessions of their own: Ctrl-C is for us, who end them in order.
        self._attack = subprocess.Popen(
            [vegeta, "attack", "-format=json", "-duration=0", *options],
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self._encode = subprocess.Popen(
            [vegeta, "encode"], stdin=self._attack.stdout, stdout=subprocess.PIPE, text=True, start_new_session=True
        )
        assert self._attack.stdout is not None
        self._attack.stdout.close()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._attack is not None
        # vegeta stops sending at this signal alone, and waits for the answers that are still out.
        end(self._attack, signal.SIGINT, _TIMEOUT_SECONDS + 5)
        self._reader.join()
        end(self._encode)

    @property
    def answers(self) -> list[Answer]:
        """All answers so far, in the order in which they came."""
        with self._lock:
            return list(self._answers)

    def since(self, moment: float) -> list[Answer]:
        """The answers so far to requests that were sent from `moment` (seconds since the epoch) on."""
        return [answer for answer in self.answers if answer.sent >= moment]

    def served(self, bento: str) -> bool:
        """Whether the latest answer came from a version."""
        answers = self.answers
        return bool(answers) and answers[-1].version == bento

    def require_running(self) -> None:
        """Raises TestkitError if the load generator has ended by itself."""
        if self._attack is not None and self._attack.poll() is not None:
            raise TestkitError(f"vegeta ended by itself, with code {self._attack.returncode}")

    def _read(self) -> None:
        assert self._encode.stdout is not None
        for line in self._encode.stdout:
            answer = answer_of(json.loads(line), self._labels.__getitem__)
            with self._lock:
                self._answers.append(answer)
