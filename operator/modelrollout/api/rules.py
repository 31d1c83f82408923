"""Rules of the API that the types of a schema cannot express, or not so that a person understands the refusal.

Every rule is there twice: in CEL for the API server, and in Python for the operator and the command line. The tests
hold both against the same manifests.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from modelrollout.api.regular_expressions import fault_of

VALIDATIONS = "x-kubernetes-validations"
BROKEN_RULES = "broken_rules"


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


def broken_rules(broken: Iterable[tuple[str, str]]) -> PydanticCustomError:
    """The error that a validator raises for several reasons at once, or for one below the value that it validates.

    broken: path below the validated value, like `.steps` or `[1]` or nothing, and message.
    """
    problems = tuple(broken)
    text = "; ".join(f"{path}: {message}".removeprefix(": ") for path, message in problems)
    return PydanticCustomError(BROKEN_RULES, "{text}", {"text": text, "problems": problems})


class Annotation:
    """What an annotated type must meet beyond itself."""

    def check(self, value: Any) -> None:
        """Raises ValueError or `broken_rules` for a value that is not allowed."""
        raise NotImplementedError

    def keywords(self) -> JsonSchemaValue:
        """What it adds to the schema."""
        raise NotImplementedError

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        def validate(value: Any) -> Any:
            self.check(value)
            return value

        return core_schema.no_info_after_validator_function(validate, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        json_schema, added = handler(schema), self.keywords()
        if VALIDATIONS in added:
            added[VALIDATIONS] = [*json_schema.get(VALIDATIONS, ()), *added[VALIDATIONS]]
        return {**json_schema, **added}


@dataclass(frozen=True, slots=True)
class Matches(Annotation):
    """Annotates a string that must match `pattern` as a whole.

    A `pattern` in the schema would do, but the API server then answers with the regular expression alone.

    pattern: in the syntax that RE2 and Python share, without anchors.
    nonzero: whether a digit other than 0 must occur too.
    """

    pattern: str
    message: str
    nonzero: bool = False

    def cel(self, operand: str) -> str:
        """The CEL expression that says whether `operand`, itself an expression for a string, is allowed."""
        rule = f"{operand}.matches({cel_string(f'^({self.pattern})$')})"
        return f"{rule} && {operand}.matches('[1-9]')" if self.nonzero else rule

    def accepts(self, value: str) -> bool:
        """Whether the string is allowed."""
        return bool(re.fullmatch(self.pattern, value)) and (not self.nonzero or bool(re.search("[1-9]", value)))

    def check(self, value: Any) -> None:
        if not self.accepts(value):
            raise ValueError(self.message)

    def keywords(self) -> JsonSchemaValue:
        return {VALIDATIONS: [{"rule": self.cel("self"), "message": self.message}]}


@dataclass(frozen=True, slots=True)
class DoesNotBegin(Annotation):
    """Annotates a string no beginning of which may match `pattern`, in the syntax that RE2 and Python share."""

    pattern: str
    message: str

    def check(self, value: Any) -> None:
        if re.match(self.pattern, value):
            raise ValueError(self.message)

    def keywords(self) -> JsonSchemaValue:
        return {VALIDATIONS: [{"rule": f"!self.matches({cel_string(f'^({self.pattern})')})", "message": self.message}]}


@dataclass(frozen=True, slots=True)
class RegularExpression(Annotation):
    """Annotates a string that must be a regular expression in the syntax of RE2."""

    message: str = "must be a regular expression as RE2 understands it"

    def check(self, value: Any) -> None:
        if fault := fault_of(value):
            raise ValueError(f"{self.message}: {fault}")

    def keywords(self) -> JsonSchemaValue:
        # Whatever the match gives: with a broken expression it fails, and the API server says how.
        return {VALIDATIONS: [{"rule": "''.matches(self) ? true : true", "message": self.message}]}


@dataclass(frozen=True, slots=True)
class KeyedBy(Annotation):
    """Annotates a list of objects of which no two may have the same value of `key`."""

    key: str

    def check(self, value: Any) -> None:
        keys = [getattr(item, self.key) for item in value]
        repeated = [index for index, key in enumerate(keys) if key in keys[:index]]
        if repeated:
            raise broken_rules((f"[{index}]", f"has the same {self.key} as an earlier one") for index in repeated)

    def keywords(self) -> JsonSchemaValue:
        return {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": [self.key]}


def cel_string(text: str) -> str:
    """`text` as a string literal of CEL."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n")
    return f"'{escaped}'"
