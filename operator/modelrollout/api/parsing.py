"""From manifests to models. What is wrong comes back as a list of problems, never as an exception."""

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
        operator ignores them: the manifest may be of a newer version of the API, or from before a rule.
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
        return model.model_validate(
            data, extra="forbid" if strict else "ignore", by_name=False, context=APPLIED if strict else None
        )
    except ValidationError as error:
        return [Problem(f"{path}.{field}".strip("."), message) for field, message in explain(error, model)]
