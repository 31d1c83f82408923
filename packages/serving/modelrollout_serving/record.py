"""One prediction, and how it is written as JSON."""

import json
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, SupportsFloat

from modelrollout_contract.predictions import PredictionRecord
from modelrollout_serving.identity import Identity

MOST_INPUT_BYTES = 256 * 1024
LONGEST_TEXT = 128


@dataclass(slots=True)
class Record:
    """A prediction, with what is known of its request. Times are in seconds, `at` since the epoch."""

    identity: Identity
    request: str
    endpoint: str
    at: float
    prediction: str | float | None
    confidence: float | None = None
    segments: Mapping[str, str] = field(default_factory=dict)
    key: str | None = None
    latency: float | None = None
    arm: str | None = None
    shadow: bool = False
    input: object = None

    def wire(self) -> PredictionRecord:
        """As the outcomes service takes it."""
        return {
            "request": self.request,
            "namespace": self.identity.namespace,
            "rollout": self.identity.rollout,
            "version": self.identity.version,
            "revision": self.identity.revision,
            "arm": self.arm,
            "endpoint": self.endpoint,
            "at": self.at,
            "prediction": self.prediction,
            "confidence": self.confidence,
            "segments": dict(self.segments),
            "key": self.key,
            "latency": self.latency,
            "shadow": self.shadow,
            "input": self.input,
        }

    def encoded(self) -> bytes:
        """The wire form as one line of JSON. Its input is left out if it is no JSON or longer than MOST_INPUT_BYTES."""
        wire = self.wire()
        if self.input is not None:
            wire["input"] = None
            written = encoded_input(self.input)
            if written is not None:
                return _json(wire)[: -len("null}")] + written + b"}"
        return _json(wire)


def encode_all(records: Sequence[Record]) -> list[bytes]:
    """Each record as a line of JSON. Other threads, which answer requests, get their turn after each."""
    lines = []
    for record in records:
        lines.append(record.encoded())
        time.sleep(0)
    return lines


def encoded_input(value: object) -> bytes | None:
    """A captured input as JSON; None if that is impossible, or too long."""
    try:
        written = _json(value)
    except (TypeError, ValueError, RecursionError):
        return None
    return written if len(written) <= MOST_INPUT_BYTES else None


def plain_prediction(value: object) -> str | float | None:
    """A prediction as a name or a finite number, whatever library its type is of. Raises TypeError for others."""
    value = _without_library(value)
    match value:
        case None:
            return None
        case str():
            return plain_text(value)
        case bool():
            return str(value).lower()
        case int():
            return value
        case SupportsFloat() if math.isfinite(number := float(value)):
            return number
    raise TypeError(f"a prediction is the name of a class or a finite number, not {value!r:.100}")


def plain_text(value: object) -> str:
    """A text that every metric and database takes, at most LONGEST_TEXT characters."""
    return str(value)[:LONGEST_TEXT].encode(errors="replace").decode().replace("\0", "?")


def plain_confidence(value: SupportsFloat | None) -> float | None:
    """A confidence in 0..1. Raises ValueError for others."""
    if value is None:
        return None
    confidence = float(value)
    if not 0 <= confidence <= 1:
        raise ValueError(f"a confidence is between 0 and 1, not {confidence}")
    return confidence


def _without_library(value: object) -> Any:
    """The Python value in a scalar of numpy, torch or tensorflow."""
    return value.item() if hasattr(value, "item") and not hasattr(value, "items") else value


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":"), allow_nan=False, default=_as_json).encode()


def _as_json(value: Any) -> object:
    for method in ("tolist", "model_dump", "to_dict"):
        if hasattr(value, method):
            return getattr(value, method)()
    raise TypeError(f"{type(value).__name__} is no JSON")
