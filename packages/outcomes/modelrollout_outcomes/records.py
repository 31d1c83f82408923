"""What the service is told, and what it answers, as it goes over the wire."""

from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter, model_validator

Name = Annotated[str, StringConstraints(min_length=1, max_length=253)]
Identifier = Annotated[str, StringConstraints(min_length=1, max_length=256)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Text = Annotated[str, StringConstraints(max_length=1024)]
Value = bool | int | Finite | Text
"""A class, as text, truth value or whole number, or a figure."""
Segments = Annotated[dict[Identifier, Text], Field(max_length=16)]


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Prediction(_Record):
    """One prediction by one version. Times are in seconds, `at` since the epoch."""

    namespace: Name
    rollout: Name
    request: Identifier
    """The request's `x-request-id`. A mirrored copy has the same."""
    version: Name
    """Of the Bento, as in its tag."""
    revision: Annotated[str, StringConstraints(max_length=253)] = ""
    arm: Annotated[str, StringConstraints(max_length=64)] | None = None
    endpoint: Annotated[str, StringConstraints(max_length=253)] = ""
    at: Finite
    prediction: Value | None = None
    confidence: Finite | None = None
    segments: Segments = {}
    key: Identifier | None = None
    """A name of the caller's for what was predicted, for truths that come without a request id."""
    latency: Finite | None = None
    shadow: bool = False
    """True where nobody got the answer: the request was a mirrored copy."""
    input: Any = None


class Truth(_Record):
    """What turned out, of a request or of what a key names."""

    namespace: Name
    rollout: Name
    request: Identifier | None = None
    key: Identifier | None = None
    at: Finite | None = None
    """With a key: it is about the last prediction with this key up to then. Seconds since the epoch."""
    truth: Value
    value: Finite | None = None
    """What the prediction was worth, in the unit of the user's."""
    by: Annotated[str, StringConstraints(max_length=253)] = ""

    @model_validator(mode="after")
    def _names_one(self) -> Self:
        if (self.request is None) == (self.key is None):
            raise ValueError("name the prediction by either request, or key and at")
        if self.key is not None and self.at is None:
            raise ValueError("a key needs at: the time of the prediction that is meant, in seconds since the epoch")
        return self


class Rejection(BaseModel):
    """An item that was not taken, by its place in the request, and why."""

    index: int
    reason: str


class PredictionsAnswer(BaseModel):
    """Predictions that are stored now, those that were before, and those that are not."""

    accepted: int = 0
    duplicates: int = 0
    rejected: list[Rejection] = []


class TruthState(StrEnum):
    """What became of a truth."""

    MATCHED = "matched"
    CORRECTED = "corrected"
    DUPLICATE = "duplicate"
    WAITING = "waiting"
    """Kept: no such prediction is known yet."""
    REJECTED = "rejected"


class TruthAnswer(BaseModel):
    """What became of one truth; `late` if it came after a maturity that the prediction counted at."""

    state: TruthState
    late: bool = False
    reason: str = ""


class TruthsAnswer(BaseModel):
    """One answer for each truth, in their order."""

    truths: list[TruthAnswer]


PREDICTION: TypeAdapter[Prediction] = TypeAdapter(Prediction)
TRUTH: TypeAdapter[Truth] = TypeAdapter(Truth)
