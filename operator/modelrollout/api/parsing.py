"""From manifests to models. What is wrong comes back as a list of problems, never as an exception."""

from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from modelrollout.api import rules
from modelrollout.api.rollout import ModelRollout
from modelrollout.api.schema import structural_schema
from modelrollout.api.status import Status
from modelrollout.api.validation import Problem, validate

T = TypeVar("T", bound=BaseModel)

# pydantic's kinds of errors in words that name what a manifest holds, and not Python's types.
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


def parse_rollout(manifest: Any, *, strict: bool = False) -> ModelRollout | list[Problem]:
    """The ModelRollout that a manifest describes, or everything that is wrong with it.

    manifest: what a YAML or JSON parser makes of it; anything is allowed.
    strict: count unknown fields as problems too, as `kubectl apply` does. The operator ignores them: they may come from
        a newer version of the API.
    """
    parsed = _parse(ModelRollout, manifest, "", strict)
    if isinstance(parsed, ModelRollout) and (problems := validate(parsed.spec)):
        return problems
    return parsed


def parse_status(manifest: Mapping[str, Any]) -> Status | list[Problem]:
    """The status in a manifest alone, for when the spec is wrong. An absent one is an empty one."""
    return _parse(Status, manifest.get("status") or {}, "status", strict=False)


def _parse(model: type[T], data: Any, path: str, strict: bool) -> T | list[Problem]:
    try:
        return model.model_validate(data, extra="forbid" if strict else "ignore", by_name=False)
    except ValidationError as error:
        return [problem for details in error.errors(include_url=False) for problem in _problems(path, details)]


def _problems(path: str, details: ErrorDetails) -> Iterator[Problem]:
    field = _field(path, details["loc"])
    match details["type"]:
        case rules.BROKEN_RULES:
            for below, message in details["ctx"]["problems"]:
                yield Problem((field + below).removeprefix("."), message)
        case "value_error":
            yield Problem(field, str(details["ctx"]["error"]))
        case "too_short" if len(details["input"]) >= details["ctx"]["min_length"]:
            # Items that are wrong do not count; they have problems of their own.
            return
        case "extra_forbidden":
            known = ", ".join(_known_fields(details["loc"][:-1]))
            yield Problem(field, f"is not a known field; known here are {known}")
        case kind if kind in _MESSAGES:
            yield Problem(field, _MESSAGES[kind].format(**details.get("ctx", {})))
        case _:
            yield Problem(field, details["msg"])


def _known_fields(location: tuple[int | str, ...]) -> list[str]:
    """The members of the object at a place in a ModelRollout."""
    schema = structural_schema(ModelRollout)
    for part in location:
        schema = schema["items"] if isinstance(part, int) else schema["properties"][part]
    return list(schema["properties"])


def _field(path: str, location: tuple[int | str, ...]) -> str:
    """The place as the API server writes it: `spec.strategy.steps[1].weight`."""
    for part in location:
        path += f"[{part}]" if isinstance(part, int) else f".{part}"
    return path.removeprefix(".")
