"""Rules of the API that the types of a schema cannot express, or not so that a person understands the refusal.

Every rule is there twice: in CEL for the API server, and in Python for the operator and the command line. The tests
hold both against the same manifests.

A rule that came later than the objects it is about is `ratcheting`: it is asked of what is applied, by the API server
and by `lint`, and not of what is stored. The API server leaves unchanged fields alone likewise (KEP-4008).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import re2
from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationInfo
from pydantic.alias_generators import to_snake
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from modelrollout.api.regular_expressions import fault_of

VALIDATIONS = "x-kubernetes-validations"
BROKEN_RULES = "broken_rules"

# The context of a validation of something that is applied, as opposed to something that is stored.
APPLIED = {"applied": True}


def is_applied(info: ValidationInfo) -> bool:
    """Whether a validation is about what is applied; else about what is stored, or made by ourselves."""
    return bool(info.context) and info.context == APPLIED


def broken_rules(broken: Iterable[tuple[str, str]]) -> PydanticCustomError:
    """The error that a validator raises for several reasons at once, or for one below the value that it validates.

    broken: path below the validated value, like `.steps` or `[1]` or nothing, and message.
    """
    problems = tuple(broken)
    text = "; ".join(f"{path}: {message}".removeprefix(": ") for path, message in problems)
    return PydanticCustomError(BROKEN_RULES, "{text}", {"text": text, "problems": problems})


class Annotation:
    """What an annotated type must meet beyond itself."""

    ratcheting: bool = False
    """Whether only what is applied must meet it."""

    def check(self, value: Any) -> None:
        """Raises ValueError or `broken_rules` for a value that is not allowed."""
        raise NotImplementedError

    def keywords(self) -> JsonSchemaValue:
        """What it adds to the schema."""
        raise NotImplementedError

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        def validate(value: Any, info: ValidationInfo) -> Any:
            if not self.ratcheting or is_applied(info):
                self.check(value)
            return value

        return core_schema.with_info_after_validator_function(validate, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        json_schema, added = handler(schema), self.keywords()
        if VALIDATIONS in added:
            added[VALIDATIONS] = [*json_schema.get(VALIDATIONS, ()), *added[VALIDATIONS]]
        return {**json_schema, **added}


@dataclass(frozen=True)
class Rule(Annotation):
    """What must hold for an object of the class that lists it, or for a value of the type that it annotates.

    cel: the rule as a CEL expression over `self`.
    holds: the same in Python, over the parsed value.
    message: what is allowed, for a person.
    field: the member that is to blame, by its name in a manifest; empty if it is the object as a whole.
    ratcheting: whether only what is applied must meet it.
    sees_old: whether `cel` looks at `oldSelf`, an optional value that is none when the object is made.
    """

    cel: str
    holds: Callable[[Any], bool]
    message: str
    field: str = ""
    ratcheting: bool = False
    sees_old: bool = False

    def check(self, value: Any) -> None:
        if not self.holds(value):
            raise broken_rules([(f".{self.field}" if self.field else "", self.message)])

    def keywords(self) -> JsonSchemaValue:
        return {VALIDATIONS: [self.to_schema()]}

    def to_schema(self) -> dict[str, Any]:
        """The rule as an entry of x-kubernetes-validations."""
        place = {"fieldPath": f".{self.field}"} if self.field else {}
        old = {"optionalOldSelf": True} if self.sees_old else {}
        return {"rule": self.cel, "message": self.message, **place, **old}


def each_once(*, ratcheting: bool = False) -> Rule:
    """The rule of a list that holds nothing twice. ratcheting: as of `Rule`."""
    return Rule(
        cel="self.all(a, self.exists_one(b, a == b))",
        holds=lambda items: len(set(items)) == len(items),
        message="must not hold anything twice",
        ratcheting=ratcheting,
    )


@dataclass(frozen=True)
class Matches(Annotation):
    """Annotates a string that must match `pattern` as a whole.

    A `pattern` in the schema would do, but the API server then answers with the regular expression alone.

    pattern: in the syntax of RE2, without anchors.
    nonzero: whether a digit other than 0 must occur too.
    """

    pattern: str
    message: str
    nonzero: bool = False
    ratcheting: bool = False

    def cel(self, operand: str) -> str:
        """The CEL expression that says whether `operand`, itself an expression for a string, is allowed."""
        rule = f"{operand}.matches({cel_string(f'^({self.pattern})$')})"
        return f"{rule} && {operand}.matches('[1-9]')" if self.nonzero else rule

    def accepts(self, value: str) -> bool:
        """Whether the string is allowed."""
        return bool(re2.fullmatch(self.pattern, value)) and (not self.nonzero or bool(re2.search("[1-9]", value)))

    def check(self, value: Any) -> None:
        if not self.accepts(value):
            raise ValueError(self.message)

    def keywords(self) -> JsonSchemaValue:
        return {VALIDATIONS: [{"rule": self.cel("self"), "message": self.message}]}


@dataclass(frozen=True)
class DoesNotMatch(Annotation):
    """Annotates a string no part of which may match `pattern`, in the syntax of RE2."""

    pattern: str
    message: str
    ratcheting: bool = False

    def check(self, value: Any) -> None:
        if re2.search(self.pattern, value):
            raise ValueError(self.message)

    def keywords(self) -> JsonSchemaValue:
        return {VALIDATIONS: [{"rule": f"!self.matches({cel_string(self.pattern)})", "message": self.message}]}


@dataclass(frozen=True)
class RegularExpression(Annotation):
    """Annotates a string that must be a regular expression in the syntax of RE2."""

    message: str = "must be a regular expression as RE2 understands it"

    def check(self, value: Any) -> None:
        if fault := fault_of(value):
            raise ValueError(f"{self.message}: {fault}")

    def keywords(self) -> JsonSchemaValue:
        # Whatever the match gives: with a broken expression it fails, and the API server says how.
        return {VALIDATIONS: [{"rule": "''.matches(self) ? true : true", "message": self.message}]}


class KeyedBy(Annotation):
    """Annotates a list of objects of which no two may have the same values of `keys`, as manifests name them."""

    def __init__(self, *keys: str) -> None:
        self.keys = keys

    def check(self, value: Any) -> None:
        found = [tuple(getattr(item, to_snake(key)) for key in self.keys) for item in value]
        repeated = [index for index, key in enumerate(found) if key in found[:index]]
        if repeated:
            same = f"has the same {' and '.join(self.keys)} as an earlier one"
            raise broken_rules((f"[{index}]", same) for index in repeated)

    def keywords(self) -> JsonSchemaValue:
        return {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": list(self.keys)}


def cel_list(texts: Iterable[str]) -> str:
    """Strings as a list literal of CEL."""
    return f"[{', '.join(map(cel_string, texts))}]"


def cel_string(text: str) -> str:
    """`text` as a string literal of CEL."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n")
    return f"'{escaped}'"
