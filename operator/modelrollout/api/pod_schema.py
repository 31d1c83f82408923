"""What Kubernetes knows of a PodSpec, taken from the OpenAPI document of a real API server.

    kubectl get --raw /openapi/v3/apis/apps/v1 | python -m modelrollout.api.pod_schema

writes it anew; the tests hold it against the API server that they run. Each type is a map of its fields to their
types: `string`, `boolean`, `int32`, `int64`, `quantity`, `int-or-string`, `time`, `bytes`, the name of another type,
`{}X` for a map of X, `[]X` for a list, `[name]X` for a list whose items are told apart by their `name`. A `!` behind it
is for a field that is required.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("pod_schema.json")
ROOT = "PodSpec"

_PACKAGE = "io.k8s.api.core.v1."
_SCALARS = {
    "io.k8s.apimachinery.pkg.api.resource.Quantity": "quantity",
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString": "int-or-string",
    "io.k8s.apimachinery.pkg.apis.meta.v1.Time": "time",
}
_FORMATS = {"int32": "int32", "int64": "int64", "byte": "bytes"}

Types = Mapping[str, Mapping[str, str]]


@cache
def pod_types() -> Types:
    """The fields of each type below PodSpec, as described above."""
    types: Types = json.loads(FILE.read_text())
    return types


def compact(openapi: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """The types of PodSpec and of all below it, from the document that an API server has for apps/v1."""
    schemas = openapi["components"]["schemas"]
    types: dict[str, dict[str, str]] = {}
    waiting = [_PACKAGE + ROOT]
    while waiting:
        name = waiting.pop()
        if _short(name) not in types:
            types[_short(name)] = _fields(schemas[name])
            waiting += (reference for reference in _references(schemas[name]) if reference not in _SCALARS)
    return {name: types[name] for name in sorted(types)}


def _fields(schema: Mapping[str, Any]) -> dict[str, str]:
    required = schema.get("required", ())
    properties = schema.get("properties", {})
    return {name: _type(field) + "!" * (name in required) for name, field in sorted(properties.items())}


def _type(field: Mapping[str, Any]) -> str:
    if reference := next(_references(field, nested=False), None):
        return _SCALARS.get(reference) or _short(reference)
    match field.get("type"):
        case "array":
            return f"[{','.join(field.get('x-kubernetes-list-map-keys', ()))}]{_type(field['items'])}"
        case "object":
            return "{}" + _type(field["additionalProperties"])
        case kind:
            return _FORMATS.get(field.get("format", ""), str(kind))


def _references(schema: Any, *, nested: bool = True) -> Iterator[str]:
    """The names of the types that a schema is, or (nested) is made of."""
    if isinstance(schema, Mapping):
        if "$ref" in schema:
            yield schema["$ref"].rpartition("/")[2]
        for key, part in schema.items():
            if nested or key == "allOf":
                yield from _references(part, nested=nested)
    elif isinstance(schema, list):
        for part in schema:
            yield from _references(part, nested=nested)


def _short(name: str) -> str:
    return name.rpartition(".")[2]


def render(openapi: Mapping[str, Any]) -> str:
    """The text of the file."""
    return json.dumps(compact(openapi), indent=1) + "\n"


if __name__ == "__main__":
    FILE.write_text(render(json.load(sys.stdin)))
