"""Rules of the API that more than one field takes part in, or that need a message a person understands.

Every rule is written twice, in CEL for the API server and in Python for everyone without one (the operator, the command
line). They stand side by side so that they can be compared, and the tests hold both against the same manifests.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

VALIDATIONS = "x-kubernetes-validations"


@dataclass(frozen=True, slots=True)
class Rule:
    """What must hold for an object.

    cel: the rule as a CEL expression over `self`.
    holds: the same in Python, over the parsed object.
    message: what is allowed, for a person.
    field: the member that is to blame, by its name in a manifest; empty if it is the object as a whole.
    """

    cel: str
    holds: Callable[[Any], bool]
    message: str
    field: str = ""

    def to_schema(self) -> dict[str, str]:
        """The rule as an entry of x-kubernetes-validations."""
        entry = {"rule": self.cel, "message": self.message}
        return entry | {"fieldPath": f".{self.field}"} if self.field else entry


@dataclass(frozen=True, slots=True)
class Matches:
    """Annotates a string that must match `pattern` as a whole.

    A `pattern` in the schema would do, but the API server then answers with the regular expression alone.

    pattern: in the syntax that RE2 and Python share, without anchors.
    nonzero: whether a digit other than 0 must occur too.
    int_or_string: whether the API server may hold an integer instead of a string.
    """

    pattern: str
    message: str
    nonzero: bool = False
    int_or_string: bool = False

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        json_schema = handler(schema)
        return {**json_schema, VALIDATIONS: [*json_schema.get(VALIDATIONS, ()), self.to_schema()]}

    def to_schema(self) -> dict[str, str]:
        """The rule as an entry of x-kubernetes-validations."""
        return {"rule": self.cel("string(self)" if self.int_or_string else "self"), "message": self.message}

    def cel(self, operand: str) -> str:
        """The CEL expression that says whether `operand`, itself an expression for a string, is accepted."""
        rule = f"{operand}.matches({_cel_string(f'^({self.pattern})$')})"
        return f"{rule} && {operand}.matches('[1-9]')" if self.nonzero else rule

    def accepts(self, value: str) -> bool:
        """Whether all of `value` matches."""
        return re.fullmatch(self.pattern, value) is not None and not (
            self.nonzero and re.search("[1-9]", value) is None
        )

    def _check(self, value: Any) -> Any:
        if not self.accepts(value):
            raise ValueError(self.message)
        return value


@dataclass(frozen=True, slots=True)
class KeyedBy:
    """Annotates a list of objects of which no two may have the same value of `key`."""

    key: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {**handler(schema), "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": [self.key]}

    def _check(self, items: tuple[Any, ...]) -> tuple[Any, ...]:
        keys = [getattr(item, self.key) for item in items]
        if repeated := next((key for key in keys if keys.count(key) > 1), None):
            raise ValueError(f"must not have the {self.key} {repeated} twice")
        return items


def _cel_string(text: str) -> str:
    """`text` as a string literal of CEL."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
