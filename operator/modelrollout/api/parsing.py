"""From manifests to models. What is wrong comes back as a list of problems, never as an exception."""

from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from modelrollout.api.base import BROKEN_RULES
from modelrollout.api.rollout import ModelRollout
from modelrollout.api.status import Status
from modelrollout.api.validation import Problem, validate

T = TypeVar("T", bound=BaseModel)


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
    if details["type"] == BROKEN_RULES:
        for rule in details["ctx"]["rules"]:
            yield Problem(f"{field}.{rule.field}" if rule.field else field, rule.message)
        return
    match details["type"]:
        case "missing":
            message = "is required"
        case "extra_forbidden":
            message = "is not a known field"
        case "value_error":
            message = str(details["ctx"]["error"])
        case _:
            message = details["msg"].removeprefix("Input ")
    yield Problem(field, message)


def _field(path: str, location: tuple[int | str, ...]) -> str:
    """The place as the API server writes it: `spec.strategy.steps[1].weight`."""
    for part in location:
        path += f"[{part}]" if isinstance(part, int) else f".{part}"
    return path.removeprefix(".")
