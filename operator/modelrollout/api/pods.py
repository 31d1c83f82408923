"""The part of a pod that users write themselves, held to what Kubernetes knows of it.

The models are built from pod_schema.json, so that an unknown field or a list that is no list is refused when a
ModelRollout is applied, and not when its Deployment is. What is merged over the generated pod may
leave out what that has.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any

from pydantic import (
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    StrictBool,
    ValidationError,
    WithJsonSchema,
    create_model,
)
from pydantic.alias_generators import to_snake
from pydantic.config import JsonDict
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from modelrollout.api.base import ApiModel
from modelrollout.api.names import Labels
from modelrollout.api.pod_rules import ALLOWED, FIELDS, RULES
from modelrollout.api.pod_schema import pod_types
from modelrollout.api.problems import explain
from modelrollout.api.resources import QUANTITY_SCHEMA, Resources, quantity_text
from modelrollout.api.rules import APPLIED, VALIDATIONS, Annotation, KeyedBy, broken_rules
from modelrollout.api.units import Integer, IntOrString

# What a Deployment's pods may not have, or what others write.
_LEFT_OUT = {
    "PodSpec": {"activeDeadlineSeconds", "ephemeralContainers"},
    "ObjectMeta": {"managedFields", "ownerReferences", "finalizers", "creationTimestamp", "deletionTimestamp"},
}
# What the generated pod has already, so that one may change the rest of it.
_OPTIONAL = {
    "PodSpec": {"containers"},
    "HTTPGetAction": {"port"},
    "SeccompProfile": {"type"},
    "SleepAction": {"seconds"},
}
# Fields of the generated pod that a null removes.
_REMOVABLE = {
    "PodSpec": {
        "automountServiceAccountToken",
        "enableServiceLinks",
        "terminationGracePeriodSeconds",
        "securityContext",
    },
    "PodSecurityContext": {"runAsNonRoot", "runAsUser", "runAsGroup", "fsGroup", "seccompProfile"},
    "Container": {
        "args",
        "startupProbe",
        "readinessProbe",
        "livenessProbe",
        "lifecycle",
        "terminationMessagePolicy",
        "securityContext",
    },
    "SecurityContext": {"capabilities", "readOnlyRootFilesystem"},
    "Lifecycle": {"preStop"},
}
_LONGEST_LISTS = {
    "containers": 8,
    "initContainers": 8,
    "volumes": 32,
    "volumeMounts": 32,
    "env": 200,
    "ports": 32,
    "tolerations": 64,
    "topologySpreadConstraints": 16,
}

_SCALARS: dict[str, Any] = {
    "string": str,
    "bytes": str,
    "time": str,
    "boolean": StrictBool,
    "int32": Annotated[Integer, Field(ge=-(2**31), le=2**31 - 1)],
    "int64": Integer,
    "quantity": Annotated[str, BeforeValidator(quantity_text), WithJsonSchema(QUANTITY_SCHEMA)],
    "int-or-string": IntOrString,
}


@dataclass(frozen=True)
class Shape(Annotation):
    """Annotates an object that must have the fields of a type of core/v1, and is kept as it was written."""

    type_name: str
    ratcheting: bool = True

    def check(self, value: Mapping[str, Any]) -> None:
        try:
            pod_model(self.type_name).model_validate(value, extra="forbid", by_name=False, context=APPLIED)
        except ValidationError as error:
            found = explain(error, pod_model(self.type_name))
            raise broken_rules((f".{field}", message) for field, message in found) from error

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        model = pod_model(self.type_name)
        return {
            **handler(model.__pydantic_core_schema__),
            VALIDATIONS: [rule.to_schema() for rule in model.rules],
        }


class _PodPart(ApiModel):
    model_config = ConfigDict(defer_build=True)


@cache
def pod_model(name: str) -> type[ApiModel]:
    """The model of a type of core/v1 that occurs below a PodSpec."""
    if name == "ResourceRequirements":
        return _resources()
    fields = {field: type_ for field, type_ in pod_types()[name].items() if field not in _LEFT_OUT.get(name, ())}
    definitions: dict[str, Any] = {to_snake(field): _field(name, field, type_) for field, type_ in fields.items()}
    return create_model(name, __base__=_base(name), **definitions)


def _base(name: str) -> type[_PodPart]:
    return type(name, (_PodPart,), {"rules": RULES.get(name, ()), "__doc__": None})


def _resources() -> type[ApiModel]:
    claims = _annotation("ResourceRequirements", "claims", pod_types()["ResourceRequirements"]["claims"])
    return create_model("ResourceRequirements", __base__=Resources, claims=(claims | None, Field(None)))


def _field(name: str, field: str, type_: str) -> tuple[Any, Any]:
    keys = {key for other in pod_types().values() for each in other.values() for key in _keys(each, name)}
    required = (type_.endswith("!") and field not in _OPTIONAL.get(name, ())) or field in keys
    annotation = _annotation(name, field, type_.removesuffix("!"))
    extra: JsonDict | None = {"nullable": True} if field in _REMOVABLE.get(name, ()) else None
    if required:
        return annotation, Field(alias=field, json_schema_extra=extra)
    return annotation | None, Field(None, alias=field, json_schema_extra=extra)


def _keys(type_: str, item: str) -> tuple[str, ...]:
    """What tells the items of a list apart, if `type_` is a list of `item`."""
    keys, _, of = type_.removeprefix("[").partition("]")
    return _distinct(keys) if type_.startswith("[") and of.removesuffix("!") == item else ()


def _distinct(keys: str) -> tuple[str, ...]:
    # The protocol of a port may be left out; a rule tells ports apart.
    return () if keys == "containerPort,protocol" or not keys else tuple(keys.split(","))


def _annotation(name: str, field: str, type_: str) -> Any:
    if (name, field) in FIELDS:
        return FIELDS[name, field]
    if type_.startswith("["):
        keys, _, of = type_.removeprefix("[").partition("]")
        metadata: list[Any] = [Field(max_length=_LONGEST_LISTS.get(field, 128))]
        metadata += [KeyedBy(*_distinct(keys))] if _distinct(keys) else []
        items: Any = tuple[_annotation(name, "", of), ...]  # type: ignore[misc]
        return Annotated[items, *metadata]
    if type_.startswith("{}"):
        values: Any = dict[str, _annotation(name, "", type_[2:])]  # type: ignore[misc]
        return Labels if field == "nodeSelector" else Annotated[values, Field(max_length=128)]
    if type_ == "string" and field in ALLOWED:
        return ALLOWED[field]
    return _SCALARS[type_] if type_ in _SCALARS else pod_model(type_)
