"""Structural OpenAPI schemas, as CustomResourceDefinitions need them, from the models of the API."""

from collections.abc import Callable, Mapping
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema, to_jsonable_python

from modelrollout.api.base import ApiModel

Schema = dict[str, Any]

# pydantic leaves the bounds of what is converted first as it calls them itself.
_KEYWORDS = {"ge": "minimum", "le": "maximum"}


class _Generator(GenerateJsonSchema):
    """Knows no null, which the API server drops, and leaves the defaults of objects to their members."""

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        json_schema = self.generate_inner(schema["schema"])
        default = schema.get("default")
        if default is None or default == ():
            return json_schema
        if isinstance(default, ApiModel):
            default = default.manifest()
        return {**json_schema, "default": to_jsonable_python(default)}


def structural_schema(model: type[ApiModel]) -> Schema:
    """The structural schema of a model.

    Every object stands where it is used, and nothing has a title or a null, which the API server does not know.
    """
    generated = model.model_json_schema(schema_generator=_Generator)
    return _structural(generated, generated.pop("$defs", {}))


def without_defaults(schema: Schema) -> Schema:
    """The schema with no default anywhere: what the operator writes must not change on its way to the store."""
    return _map_children({key: value for key, value in schema.items() if key != "default"}, without_defaults)


def _structural(schema: Schema, definitions: Mapping[str, Schema]) -> Schema:
    if "$ref" in schema:
        schema = definitions[schema["$ref"].rpartition("/")[2]] | schema
    schema = {_KEYWORDS.get(key, key): value for key, value in schema.items() if key not in {"$ref", "title"}}
    if "const" in schema:
        schema["enum"] = [schema.pop("const")]
    if "description" in schema:
        schema["description"] = " ".join(schema["description"].split())
    if schema.get("additionalProperties") is True:
        del schema["additionalProperties"]
        schema["x-kubernetes-preserve-unknown-fields"] = True
    return _without_idle_default(_map_children(schema, lambda child: _structural(child, definitions)))


def _without_idle_default(schema: Schema) -> Schema:
    """The schema, if it is an object's, with a default only if that makes the defaults of its members apply."""
    if schema.get("default") == {} and not any("default" in child for child in schema["properties"].values()):
        return {key: value for key, value in schema.items() if key != "default"}
    return schema


def _map_children(schema: Schema, change: Callable[[Schema], Schema]) -> Schema:
    changed = dict(schema)
    if "properties" in schema:
        changed["properties"] = {name: change(child) for name, child in schema["properties"].items()}
    for keyword in ("items", "additionalProperties"):
        if keyword in schema:
            changed[keyword] = change(schema[keyword])
    return changed
