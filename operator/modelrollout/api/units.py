"""Durations, percentages and numbers as a Kubernetes user writes them."""

import re
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, GetCoreSchemaHandler, GetJsonSchemaHandler, WithJsonSchema
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from modelrollout.api.rules import VALIDATIONS, Matches, cel_string

_UNIT_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}

# Gateway API's duration (GEP-2257) and days.
_DURATION = Matches("([0-9]{1,5}(ms|s|m|h|d)){1,4}", "must be a duration like 500ms, 30s, 10m, 1h30m or 7d")
_PERCENT = Matches(r"(100(\.0+)?|[0-9]{1,2}(\.[0-9]{1,6})?)%", "must be a percentage from 0% to 100%, like 0.5%")
_NUMBER = Matches(r"-?[0-9]{1,15}(\.[0-9]{1,15})?", 'must be a number like 5 or "0.25"')
# With the pattern of a duration or a percentage it means: not zero.
_HAS_NONZERO_DIGIT = ".*[1-9].*"


class _Text(str):
    """A string that is written in a certain way; it compares, prints and serialises as it was written."""

    __slots__ = ()

    _format: Matches

    def __new__(cls, text: str) -> Self:
        """Raises ValueError, with what is allowed, for a text of another form."""
        if not cls._format.accepts(text):
            raise ValueError(cls._format.message)
        return super().__new__(cls, text)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(
            cls,
            core_schema.str_schema(max_length=32),
            metadata={"pydantic_js_updates": {VALIDATIONS: [cls._format.to_schema()]}},
        )


class Duration(_Text):
    """A span of time: numbers with the units ms, s, m, h and d (24 hours), like `1h30m`."""

    __slots__ = ()

    _format = _DURATION

    @property
    def seconds(self) -> float:
        """The length in seconds."""
        return sum(int(number) * _UNIT_SECONDS[unit] for number, unit in re.findall("([0-9]+)([a-z]+)", self))

    @property
    def timedelta(self) -> timedelta:
        """The length, to calculate with times."""
        return timedelta(seconds=self.seconds)


class Percent(_Text):
    """A share, like `0.5%`."""

    __slots__ = ()

    _format = _PERCENT

    @property
    def fraction(self) -> float:
        """The share as a fraction 0..1."""
        return float(Decimal(self.removesuffix("%")) / 100)


PositiveDuration = Annotated[Duration, Matches(_HAS_NONZERO_DIGIT, "must be longer than 0s")]
PositivePercent = Annotated[Percent, Matches(_HAS_NONZERO_DIGIT, "must be above 0%")]


@dataclass(frozen=True, slots=True)
class _IntOrText:
    """Annotates a float that manifests hold as an integer or as a string, for want of exact floats in Kubernetes."""

    minimum: float | None = None
    maximum: float | None = None

    @property
    def message(self) -> str:
        """What is allowed."""
        if self.minimum is None or self.maximum is None:
            return _NUMBER.message
        return f'must be a number from {self.minimum:g} to {self.maximum:g}, like 2 or "1.5"'

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            self._parse, serialization=core_schema.plain_serializer_function_ser_schema(_number_text)
        )

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        rule = f"string(self).matches({cel_string(f'^{_NUMBER.pattern}$')})"
        if self.minimum is not None:
            rule += f" && double(self) >= {self.minimum}"
        if self.maximum is not None:
            rule += f" && double(self) <= {self.maximum}"
        return {
            "x-kubernetes-int-or-string": True,
            "maxLength": 32,
            VALIDATIONS: [{"rule": rule, "message": self.message}],
        }

    def _parse(self, value: Any) -> float:
        text = _number_text(value) if isinstance(value, float) else value
        if isinstance(text, bool) or not _NUMBER.accepts(str(text)):
            raise ValueError(self.message)
        number = float(text)
        if (self.minimum is not None and number < self.minimum) or (self.maximum is not None and number > self.maximum):
            raise ValueError(self.message)
        return number


def _number_text(number: float) -> int | str:
    return int(number) if number.is_integer() else format(Decimal(repr(number)), "f")


Number = Annotated[float, _IntOrText()]
Ratio = Annotated[float, _IntOrText(minimum=1, maximum=10)]


_QUANTITY = Matches(
    r"([0-9]+(\.[0-9]*)?|\.[0-9]+)([KMGTPE]i|[numkMGTPE]|[eE][-+]?[0-9]+)?", "must be a quantity like 500m, 2 or 1Gi"
)

Quantity = Annotated[
    str,
    BeforeValidator(lambda value: str(value) if type(value) is int else value),
    _QUANTITY,
    WithJsonSchema(
        {
            "x-kubernetes-int-or-string": True,
            "maxLength": 32,
            VALIDATIONS: [
                {
                    "rule": f"string(self).matches({cel_string(f'^({_QUANTITY.pattern})$')})",
                    "message": _QUANTITY.message,
                }
            ],
        }
    ),
]
