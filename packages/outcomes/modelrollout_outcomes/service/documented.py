"""What OpenAPI says of bodies that are read item by item, which FastAPI does not see."""

from typing import Any

from pydantic import BaseModel, create_model


def documented(fields: dict[str, Any], **media: Any) -> dict[str, Any]:
    """Arguments of a route whose JSON body has these fields; `media` are further media types and their schemas."""
    definitions: Any = {name: (kind, ...) for name, kind in fields.items()}
    body: type[BaseModel] = create_model("Body", **definitions)
    schema = body.model_json_schema()
    _inline(schema, schema.pop("$defs", {}))
    content = {"application/json": {"schema": schema}, **{kind: {"schema": value} for kind, value in media.items()}}
    return {
        "openapi_extra": {"requestBody": {"required": True, "content": content}},
        "responses": {
            400: {"description": "The body cannot be read"},
            401: {"description": "Who asks is not known"},
            413: {"description": "The body is too long"},
            503: {"description": "Come again after Retry-After seconds: nothing was stored"},
        },
    }


def _inline(schema: Any, definitions: dict[str, Any]) -> None:
    """Replace references by what they mean, since these lie elsewhere in the document of the service."""
    if isinstance(schema, list):
        for each in schema:
            _inline(each, definitions)
    elif isinstance(schema, dict):
        if reference := schema.pop("$ref", ""):
            schema.update(definitions[reference.rpartition("/")[2]])
        for each in schema.values():
            _inline(each, definitions)
