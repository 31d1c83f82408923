"""What all models of the API have in common."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    GetJsonSchemaHandler,
    PlainSerializer,
    ValidationInfo,
    model_validator,
)
from pydantic.alias_generators import to_camel
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from modelrollout.api.rules import VALIDATIONS, Rule, broken_rules, is_applied
from modelrollout.api.text import plain


class ApiModel(BaseModel):
    """A value of the API. Attributes are snake_case, manifests camelCase; fields of newer versions are ignored.

    `rules` hold for every instance that was validated. The docstring below each field is what `kubectl explain` shows.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="ignore",
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        serialize_by_alias=True,
        use_attribute_docstrings=True,
    )

    rules: ClassVar[tuple[Rule, ...]] = ()

    def manifest(self) -> dict[str, Any]:
        """The value as it stands in a manifest, without what is at its default."""
        return self.model_dump(mode="json", exclude_defaults=True)

    @model_validator(mode="before")
    @classmethod
    def _drop_nulls(cls, data: Any) -> Any:
        # The API server does the same: a null stands for a field that is absent. One that is unknown remains unknown.
        if isinstance(data, Mapping):
            known = cls.model_fields.keys() | {field.alias for field in cls.model_fields.values()}
            return {key: value for key, value in data.items() if value is not None or key not in known}
        return data

    @model_validator(mode="after")
    def _keep_rules(self, info: ValidationInfo) -> Self:
        asked = [rule for rule in self.rules if not rule.ratcheting or is_applied(info)]
        if broken := [rule for rule in asked if not rule.holds(self)]:
            raise broken_rules((f".{rule.field}" if rule.field else "", rule.message) for rule in broken)
        return self

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        json_schema = handler(core_schema)
        if cls.rules:
            handler.resolve_ref_schema(json_schema)[VALIDATIONS] = [rule.to_schema() for rule in cls.rules]
        return json_schema


def _to_whole_seconds(time: datetime) -> datetime:
    if time.tzinfo is None:
        raise ValueError("must be a time with a zone, like 2026-11-24T15:00:00Z")
    return time.astimezone(UTC).replace(microsecond=0)


Time = Annotated[
    datetime,
    AfterValidator(_to_whole_seconds),
    PlainSerializer(lambda time: time.strftime("%Y-%m-%dT%H:%M:%SZ"), return_type=str, when_used="json"),
]
"""A moment in UTC, in whole seconds; RFC 3339 in manifests."""

Line = Annotated[str, AfterValidator(plain)]
"""Words for a person, as one printable line whoever wrote them."""
