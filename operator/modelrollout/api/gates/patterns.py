"""Regular expressions in gates."""

from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field
from pydantic.json_schema import JsonSchemaValue

from modelrollout.api.regular_expressions import finds
from modelrollout.api.rules import VALIDATIONS, Annotation, RegularExpression, cel_string

# Those of the IANA registry, and what gateways and services add to them. 555 is none: 5* was meant to be 5xx.
_RANGES = ((100, 104), (200, 208), (226, 226), (300, 308), (400, 418), (421, 431), (451, 451), (499, 511), (520, 530))
STATUS_CODES = tuple(str(code) for least, most in (*_RANGES, (598, 599)) for code in range(least, most + 1))
_STATUS_CODES = "\n".join(STATUS_CODES)
# An expression, or one of its alternatives, that begins with a letter or a digit: `predict`, `^(a|b.*)$`.
_BEFORE = r"(\^|\(\?[a-z]*:|\(\?[a-z]+\)|\()*"
_BEGINS_WITHOUT_SLASH = rf"{_BEFORE}[-_A-Za-z0-9]([^|?*{{][^|]*)?"
_NO_PATH = rf"^{_BEGINS_WITHOUT_SLASH}(\|{_BEGINS_WITHOUT_SLASH})*$"
_OPTIONAL_GROUP = r"\)[?*{]"


@dataclass(frozen=True)
class _MatchesStatusCode(Annotation):
    """Annotates a regular expression that must match a status code, as a whole.

    A line for each code is one look for all of them, which the API server can bound the cost of. Expressions that ask
    for the beginning or the end of the text are tried on two codes alone.
    """

    ratcheting: bool = True
    message: str = "must match an HTTP status code, like 5.. or 500|503"

    def check(self, value: Any) -> None:
        lone = f"^(?:{value})$"
        if not (finds(f"(?m){lone}", _STATUS_CODES) or finds(lone, "500") or finds(lone, "400")):
            raise ValueError(self.message)

    def keywords(self) -> JsonSchemaValue:
        lone = "'^(?:' + self + ')$'"
        rule = f"{cel_string(_STATUS_CODES)}.matches('(?m)' + {lone}) || '500'.matches({lone}) || '400'.matches({lone})"
        return {VALIDATIONS: [{"rule": rule, "message": self.message}]}


@dataclass(frozen=True)
class _MatchesPaths(Annotation):
    """Annotates a regular expression that must not be one that obviously matches no path, as a whole."""

    ratcheting: bool = True
    message: str = "must match whole paths, which begin with a /, like /predict or /v1/.*"

    def check(self, value: Any) -> None:
        if finds(_NO_PATH, value) and not finds(_OPTIONAL_GROUP, value):
            raise ValueError(self.message)

    def keywords(self) -> JsonSchemaValue:
        rule = f"!self.matches({cel_string(_NO_PATH)}) || self.matches({cel_string(_OPTIONAL_GROUP)})"
        return {VALIDATIONS: [{"rule": rule, "message": self.message}]}


_Regex = Annotated[str, Field(min_length=1, max_length=512), RegularExpression()]

StatusCodes = Annotated[_Regex, _MatchesStatusCode()]
"""A regular expression (RE2, matched as a whole) of status codes."""

Endpoints = Annotated[_Regex, _MatchesPaths()]
"""A regular expression (RE2, matched as a whole) of the paths of endpoints."""
