"""Steady traffic through the gateway with vegeta, and who answered what."""

import base64
import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from modelrollout_demo.errors import DemoError
from modelrollout_demo.watching import end
from modelrollout_localcluster import tool_path

EXAMPLE = Path(__file__).resolve().parents[2] / "digits"
HOST = "digits.example"

# The operator's HTTPRoute names the version that a request was sent to, BentoML puts an id on all that it answers.
VERSION_HEADER = "X-Modelrollout-Version"
BENTOML_HEADER = "X-Bentoml-Request-Id"

_OK = 200
_TIMEOUT_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Answer:
    """One request and its outcome.

    sent: seconds since the epoch. seconds: from sending to the end of the answer.
    code: HTTP status, 0 if there was no answer. version: the Bento that it was routed to, "" if nobody says.
    by_model: whether a model answered, rather than the gateway for it.
    right: whether the predicted digit is the true one; None without a prediction.
    """

    sent: float
    seconds: float
    code: int
    version: str
    by_model: bool
    right: bool | None
    error: str

    @property
    def failed(self) -> bool:
        return self.code != _OK


class Load:
    """Sends held-out images at a steady rate from `with` on until it ends.

    url: of the gateway. folder: where the requests are written to. rate: requests per second.
    """

    def __init__(self, url: str, folder: Path, rate: int) -> None:
        self.rate = rate
        self._targets = folder / "targets.jsonl"
        labels = folder / "labels.jsonl"
        make: list[str | Path] = [sys.executable, EXAMPLE / "make_targets.py", "--url", url, "--host", HOST]
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
        """Raises DemoError if the load generator has ended by itself."""
        if self._attack is not None and self._attack.poll() is not None:
            raise DemoError(f"vegeta ended by itself, with code {self._attack.returncode}")

    def _read(self) -> None:
        assert self._encode.stdout is not None
        for line in self._encode.stdout:
            answer = self._parse(json.loads(line))
            with self._lock:
                self._answers.append(answer)

    def _parse(self, result: Mapping[str, Any]) -> Answer:
        headers = result["headers"] or {}
        code = int(result["code"])
        return Answer(
            sent=datetime.fromisoformat(result["timestamp"]).timestamp(),
            seconds=result["latency"] / 1e9,
            code=code,
            version=headers.get(VERSION_HEADER, [""])[0],
            by_model=BENTOML_HEADER in headers,
            right=self._is_right(result) if code == _OK else None,
            error=result["error"] or ("" if code == _OK else _text(result["body"])),
        )

    def _is_right(self, result: Mapping[str, Any]) -> bool:
        row = int(parse_qs(urlsplit(result["url"]).query)["row"][0])
        answer = json.loads(base64.b64decode(result["body"]))
        return bool(answer["digit"] == self._labels[row])


def failures_not_of_a_model(answers: Iterable[Answer], faulty: frozenset[str]) -> list[Answer]:
    """Failed requests that nobody's own bug explains.

    faulty: Bentos that are known to answer with errors. Only what such a model itself answered is its own fault: what
    the gateway says in its place (no upstream, a reset connection, a timeout) is not.
    """
    return [answer for answer in answers if answer.failed and not (answer.by_model and answer.version in faulty)]


def _text(body: str | None) -> str:
    return base64.b64decode(body or "").decode(errors="replace")[:200]
