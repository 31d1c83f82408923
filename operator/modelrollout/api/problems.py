"""What is wrong with a manifest, in words that name what it holds, and not Python's types."""

from collections.abc import Iterator
from functools import cache

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from modelrollout.api.base import ApiModel
from modelrollout.api.rules import BROKEN_RULES
from modelrollout.api.schema import Schema, structural_schema

# By pydantic's kinds of errors.
_MESSAGES = {
    "missing": "is required",
    "int_type": "must be an integer",
    "float_type": "must be a number",
    "finite_number": "must be a number",
    "string_type": "must be a string",
    "bool_type": "must be true or false",
    "tuple_type": "must be a list",
    "dict_type": "must be an object",
    "model_type": "must be an object",
    "enum": "must be {expected}",
    "literal_error": "must be {expected}",
    "greater_than_equal": "must be at least {ge:.10g}",
    "less_than_equal": "must be at most {le:.10g}",
    "too_short": "must have {min_length} or more items",
    "too_long": "must have {max_length} or fewer items",
    "string_too_short": "must have {min_length} or more characters",
    "string_too_long": "must have {max_length} or fewer characters",
}


def explain(error: ValidationError, model: type[ApiModel]) -> Iterator[tuple[str, str]]:
    """Each thing that is wrong: the field as the API server writes it, `spec.strategy.steps[1].weight`, and why.

    model: what was validated, for the names of the fields that are known.
    """
    for details in error.errors(include_url=False):
        yield from _explain(details, model)


def _explain(details: ErrorDetails, model: type[ApiModel]) -> Iterator[tuple[str, str]]:
    field = _field(details["loc"])
    match details["type"]:
        case kind if kind == BROKEN_RULES:
            for below, message in details["ctx"]["problems"]:
                yield (field + below).removeprefix("."), message
        case "value_error":
            yield field, str(details["ctx"]["error"])
        case "too_short" if len(details["input"]) >= details["ctx"]["min_length"]:
            # Items that are wrong do not count; they have problems of their own.
            return
        case "extra_forbidden":
            known = ", ".join(_known_fields(details["loc"][:-1], model))
            yield field, f"is not a known field; known here are {known}"
        case kind if kind in _MESSAGES:
            yield field, _MESSAGES[kind].format(**details.get("ctx", {}))
        case _:
            yield field, details["msg"]


def _known_fields(location: tuple[int | str, ...], model: type[ApiModel]) -> list[str]:
    """The members of the object at a place."""
    schema = _schema(model)
    for part in location:
        schema = schema["items"] if isinstance(part, int) else schema["properties"][part]
    return list(schema["properties"])


@cache
def _schema(model: type[ApiModel]) -> Schema:
    return structural_schema(model)


def _field(location: tuple[int | str, ...]) -> str:
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    return path.removeprefix(".")
