"""From manifests to models. What is wrong comes back as a list of problems, never as an exception."""

import re
from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import ValidationError

from modelrollout.api.base import ApiModel
from modelrollout.api.problems import explain
from modelrollout.api.rollout import ModelRollout
from modelrollout.api.rules import APPLIED
from modelrollout.api.status import Status
from modelrollout.api.validation import Problem, validate

T = TypeVar("T", bound=ApiModel)


def parse_rollout(manifest: Any, *, strict: bool = False) -> ModelRollout | list[Problem]:
    """The ModelRollout that a manifest describes, or everything that is wrong with it.

    manifest: what a YAML or JSON parser makes of it; anything is allowed.
    strict: as `kubectl apply` takes it, with unknown fields and broken rules that are `ratcheting` as problems too. The
        operator ignores them: the manifest may be of a newer version of the API, or from before a rule. Nor does it
        stop for a status that it cannot read: `status_problem` of the result says what was left out.
    """
    if strict or not isinstance(manifest, Mapping):
        return _validated(_parse(ModelRollout, manifest, "", strict), strict)
    parsed = _validated(_parse(ModelRollout, {**manifest, "status": {}}, "", strict), strict)
    if isinstance(parsed, ModelRollout):
        status, unreadable = salvage_status(manifest)
        return parsed.with_status(status, "; ".join(map(str, unreadable)))
    return parsed


def _validated(parsed: ModelRollout | list[Problem], strict: bool) -> ModelRollout | list[Problem]:
    if isinstance(parsed, ModelRollout) and (problems := validate(parsed.spec, applied=strict)):
        return problems
    return parsed


def parse_status(manifest: Mapping[str, Any]) -> Status | list[Problem]:
    """The status in a manifest alone, for when the spec is wrong. An absent one is an empty one."""
    return _parse(Status, manifest.get("status") or {}, "status", strict=False)


def salvage_status(manifest: Mapping[str, Any]) -> tuple[Status, list[Problem]]:
    """As much of the status in a manifest as can be read, and what could not be and was left out.

    A status that somebody edited by hand, or that another release wrote, must not keep a rollout from going on.
    """
    left, problems = manifest.get("status") or {}, list[Problem]()
    if not isinstance(left, Mapping):
        return Status(), [Problem("status", "must be an object")]
    while isinstance(status := _parse(Status, left, "status", strict=False), list):
        problems += status
        readable = {key: value for key, value in left.items() if not any(_is_in(key, problem) for problem in status)}
        left = readable if len(readable) < len(left) else {}
    return status, problems


def _is_in(field: str, problem: Problem) -> bool:
    """Whether a problem of a status is in one of its fields."""
    return re.match(rf"status\.{re.escape(field)}(?![A-Za-z])", problem.field) is not None


def _parse(model: type[T], data: Any, path: str, strict: bool) -> T | list[Problem]:
    try:
        return model.model_validate(
            data, extra="forbid" if strict else "ignore", by_name=False, context=APPLIED if strict else None
        )
    except ValidationError as error:
        return [Problem(f"{path}.{field}".strip("."), message) for field, message in explain(error, model)]
