"""What clients were answered, by whom, and which of it is a failure."""

import base64
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs, urlsplit

# The operator's HTTPRoute names the version that a request was sent to.
VERSION_HEADER = "X-Modelrollout-Version"
_REQUEST_HEADER = "X-Request-Id"
# Only what a pod answered has one of these: BentoML numbers all its answers but its own time-outs, and Envoy says of
# each that it passes on how long the pod took.
_FROM_A_MODEL = ("X-Bentoml-Request-Id", "X-Envoy-Upstream-Service-Time")

# What vegeta says of a request that it gave up, and Envoy of one that took too long.
_GIVEN_UP = ("context deadline exceeded", "Client.Timeout exceeded", "i/o timeout", "upstream request timeout")


class Kind(StrEnum):
    """What kind of failure an answer is."""

    TIME_OUT = "time-out"
    """The model was told the request and did not come to an end of it: its own 504, or somebody before it gave up."""
    ERROR = "error"
    """The model itself answered with anything else than 200."""
    LOST = "lost"
    """The gateway answered in a model's place, or nobody did."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One request and its outcome.

    sent: seconds since the epoch. seconds: from sending to the end of the answer.
    code: HTTP status, 0 if there was no answer. version: the Bento that it was routed to, "" if nobody says.
    by_model: whether a model answered, rather than the gateway for it.
    right: whether the predicted digit is the true one; None without a prediction.
    error: what is known of a failure.
    request: the id by which the prediction is known, "" without one. truth: the true digit; None without a prediction.
    """

    sent: float
    seconds: float
    code: int
    version: str
    by_model: bool
    right: bool | None
    error: str
    request: str = ""
    truth: int | None = None

    @property
    def failed(self) -> bool:
        return self.code != HTTPStatus.OK

    @property
    def kind(self) -> Kind | None:
        """None of what did not fail."""
        if not self.failed:
            return None
        if self.by_model:
            return Kind.TIME_OUT if self.code == HTTPStatus.GATEWAY_TIMEOUT else Kind.ERROR
        return Kind.TIME_OUT if any(words in self.error for words in _GIVEN_UP) else Kind.LOST


def answer_of(result: Mapping[str, Any], true_digit: Callable[[int], int]) -> Answer:
    """One line of `vegeta encode`. true_digit: what the image of a number shows."""
    headers = {name.title(): values for name, values in (result["headers"] or {}).items()}
    code = int(result["code"])
    truth = true_digit(_image(result)) if code == HTTPStatus.OK else None
    return Answer(
        sent=datetime.fromisoformat(result["timestamp"]).timestamp(),
        seconds=result["latency"] / 1e9,
        code=code,
        version=headers.get(VERSION_HEADER, [""])[0],
        by_model=any(name in headers for name in _FROM_A_MODEL),
        right=None if truth is None else json.loads(base64.b64decode(result["body"]))["digit"] == truth,
        error=result["error"] or ("" if code == HTTPStatus.OK else _text(result["body"])),
        request=headers.get(_REQUEST_HEADER, [""])[0],
        truth=truth,
    )


def of_version(answers: Iterable[Answer], bento: str) -> list[Answer]:
    """The answers to requests that were routed to a Bento, such as `digits:v2`."""
    return [answer for answer in answers if answer.version == bento]


def not_of_a_model(answers: Iterable[Answer], faulty: frozenset[str]) -> list[Answer]:
    """Failed requests that nobody's own bug explains.

    faulty: Bentos that are known to answer with errors. Only what such a model itself answered is its own fault: what
    the gateway says in its place (no upstream, a reset connection, a time-out) is not.
    """
    return [answer for answer in answers if answer.failed and not (answer.by_model and answer.version in faulty)]


def _image(result: Mapping[str, Any]) -> int:
    return int(parse_qs(urlsplit(result["url"]).query)["row"][0])


def _text(body: str | None) -> str:
    return base64.b64decode(body or "").decode(errors="replace")[:200]
