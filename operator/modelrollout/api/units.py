"""Durations, percentages and numbers as a Kubernetes user writes them."""

import re
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Self

from pydantic import BeforeValidator, Field, GetCoreSchemaHandler, GetJsonSchemaHandler, WithJsonSchema
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from modelrollout.api.rules import VALIDATIONS, Annotation, Matches

_LONGEST = 32

_UNIT_MILLISECONDS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_LONGEST_SPAN = timedelta(days=3650)
# Gateway API's duration (GEP-2257) and days.
_DURATION = "([0-9]{1,5}(ms|s|m|h|d)){1,4}"
_FRACTION = r"(\.[0-9]{1,6})?"


class _Text(str):
    """A string of a certain form. It compares, prints and serialises as it was written."""

    __slots__ = ()

    form: ClassVar[Matches]

    def __new__(cls, text: str) -> Self:
        """Raises ValueError, with what is allowed, for anything that is not a text of this form."""
        if not isinstance(text, str) or len(text) > _LONGEST or not cls.form.accepts(text):
            raise ValueError(cls.form.message)
        return super().__new__(cls, text)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(cls)

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"type": "string", "maxLength": _LONGEST, **cls.form.keywords()}


class Duration(_Text):
    """A span of time: numbers with the units ms, s, m, h and d (24 hours), like `1h30m`."""

    __slots__ = ()

    form = Matches(_DURATION, "must be a duration like 500ms, 30s, 10m, 1h30m or 7d")

    @property
    def milliseconds(self) -> int:
        """The length in milliseconds."""
        return sum(int(number) * _UNIT_MILLISECONDS[unit] for number, unit in re.findall("([0-9]+)([a-z]+)", self))

    @property
    def seconds(self) -> float:
        """The length in seconds."""
        return self.milliseconds / 1000

    @property
    def timedelta(self) -> timedelta:
        """The length, to calculate with times. More than ten years count as ten: what is beyond no calendar has."""
        return min(timedelta(milliseconds=self.milliseconds), _LONGEST_SPAN)

    @staticmethod
    def milliseconds_in_cel(operand: str) -> str:
        """The CEL expression for the length of `operand`, itself an expression for a text of this form."""
        units = ", ".join(f"'{unit}': {length}" for unit, length in _UNIT_MILLISECONDS.items())
        part = f"int(part.find('^[0-9]+')) * {{{units}}}[part.find('[a-z]+$')]"
        return f"{operand}.findAll('[0-9]+[a-z]+').map(part, {part}).sum()"


class PositiveDuration(Duration):
    """A span of time that is longer than nothing."""

    __slots__ = ()

    form = Matches(_DURATION, "must be a duration above 0s, like 500ms, 30s, 10m, 1h30m or 7d", nonzero=True)


class ShortDuration(Duration):
    """A span of time of at most an hour."""

    __slots__ = ()

    form = Matches(
        "1h|60m|[1-5]?[0-9]m([1-5]?[0-9]s)?|[0-9]{1,3}s", "must be a duration of at most 1h, like 0s, 90s, 2m or 1m30s"
    )


class Percent(_Text):
    """A share from 0% to 100%, like `0.5%`."""

    __slots__ = ()

    form = Matches(rf"(100(\.0+)?|[0-9]{{1,2}}{_FRACTION})%", "must be a percentage from 0% to 100%, like 0.5%")

    @property
    def number(self) -> float:
        """The share as it is written, 0..100."""
        return float(self.removesuffix("%"))

    @property
    def fraction(self) -> float:
        """The share as a fraction 0..1."""
        return float(Decimal(self.removesuffix("%")) / 100)


class Margin(Percent):
    """A difference of shares that leaves something to prove."""

    __slots__ = ()

    form = Matches(f"[0-9]{{1,2}}{_FRACTION}%", "must be a percentage from 0% to below 100%, like 0.5%")


class PositiveMargin(Margin):
    """A difference of shares above nothing."""

    __slots__ = ()

    form = Matches(Margin.form.pattern, "must be a percentage above 0% and below 100%, like 10%", nonzero=True)


class ErrorProbability(Percent):
    """The probability of an error that one is ready to make."""

    __slots__ = ()

    form = Matches(f"[0-4]?[0-9]{_FRACTION}%", "must be a percentage above 0% and below 50%, like 1%", nonzero=True)


Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]


# The largest number up to which floats count every integer (RFC 8259, section 6).
_LARGEST_WHOLE = 2**53 - 1


def _whole(value: Any) -> Any:
    if type(value) is int and not -(2**63) <= value < 2**63:
        raise ValueError("must be an integer of 64 bits")
    is_whole = type(value) is float and value.is_integer() and abs(value) <= _LARGEST_WHOLE
    return int(value) if is_whole else value


Integer = Annotated[int, Field(strict=True), BeforeValidator(_whole)]
"""A whole number, also if it is written as 1.0 or 1e3."""


IntOrString = Annotated[
    Annotated[int, Field(strict=True, ge=-(2**31), le=2**31 - 1)] | Annotated[str, Field(max_length=253)],
    WithJsonSchema({"x-kubernetes-int-or-string": True, "maxLength": 253}),
]
"""A number or a text, like a port that is named."""


@dataclass(frozen=True)
class Between(Annotation):
    """Annotates a duration that must lie between two others, both included."""

    least: Duration
    most: Duration
    ratcheting: bool = True

    @property
    def message(self) -> str:
        return f"must be a duration from {self.least} to {self.most}"

    def check(self, value: Duration) -> None:
        if not self.least.seconds <= value.seconds <= self.most.seconds:
            raise ValueError(self.message)

    def keywords(self) -> JsonSchemaValue:
        length = Duration.milliseconds_in_cel("self")
        inside = f"[{length}].all(ms, ms >= {self.least.milliseconds} && ms <= {self.most.milliseconds})"
        return {VALIDATIONS: [{"rule": f"!{Duration.form.cel('self')} || {inside}", "message": self.message}]}


def between(least: str, most: str) -> Between:
    """`Between`, of durations as they are written."""
    return Between(Duration(least), Duration(most))


@dataclass(frozen=True)
class AtMost(Annotation):
    """Annotates a percentage that may not be above another one."""

    most: Percent
    ratcheting: bool = True

    @property
    def message(self) -> str:
        return f"must be at most {self.most}"

    def check(self, value: Percent) -> None:
        if value.fraction > self.most.fraction:
            raise ValueError(self.message)

    def keywords(self) -> JsonSchemaValue:
        inside = f"double(self.replace('%', '')) <= {self.most.fraction * 100}"
        return {VALIDATIONS: [{"rule": f"!{Percent.form.cel('self')} || {inside}", "message": self.message}]}


def at_most(most: str) -> AtMost:
    """`AtMost`, of a percentage as it is written."""
    return AtMost(Percent(most))
