"""Durations, percentages, numbers and quantities as a Kubernetes user writes them."""

import re
from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Self

from pydantic import BeforeValidator, Field, GetCoreSchemaHandler, GetJsonSchemaHandler, WithJsonSchema
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from modelrollout.api.rules import VALIDATIONS, Matches

_LONGEST = 32

_UNIT_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
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
    def seconds(self) -> float:
        """The length in seconds."""
        return sum(int(number) * _UNIT_SECONDS[unit] for number, unit in re.findall("([0-9]+)([a-z]+)", self))

    @property
    def timedelta(self) -> timedelta:
        """The length, to calculate with times."""
        return timedelta(seconds=self.seconds)


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

_QUANTITY = Matches(
    r"([0-9]+(\.[0-9]*)?|\.[0-9]+)([KMGTPE]i|[numkMGTPE]|[eE][-+]?[0-9]+)?",
    "must be a quantity like 500m, 2 or 1Gi",
)


def _quantity_text(value: Any) -> str:
    text = str(value) if type(value) is int else value
    if not isinstance(text, str) or len(text) > _LONGEST or not _QUANTITY.accepts(text):
        raise ValueError(_QUANTITY.message)
    return text


Quantity = Annotated[
    str,
    BeforeValidator(_quantity_text),
    WithJsonSchema(
        {
            "x-kubernetes-int-or-string": True,
            "maxLength": _LONGEST,
            VALIDATIONS: [{"rule": _QUANTITY.cel("string(self)"), "message": _QUANTITY.message}],
        }
    ),
]
"""An amount of a compute resource; integers are kept as text."""
