"""PromQL expressions of the user's own: their placeholders, and what a parser says of them."""

import json
import re
from itertools import accumulate

from promql_parser import Expr, parse

from modelrollout.api.text import plain

_DEEPEST = 32
_MOST_OPERATORS = 64
_OPERATOR = re.compile(r"[-+*/%^<>]|[=!]=|\b(?:and|or|unless|atan2)\b", re.IGNORECASE)
_STRING_OR_COMMENT = re.compile(
    r"""
      "(?:\\.|[^"\\])*"        # double-quoted, with escapes
    | '(?:\\.|[^'\\])*'        # single-quoted, with escapes
    | `[^`]*`                  # raw
    | \#[^\n]*                 # comment
    | \{\{(?:namespace|pods)\}\}
    """,
    re.VERBOSE | re.DOTALL,
)


class NotPromQL(Exception):
    """The parser does not take an expression; the message says why, for a person."""


def fill_in(expression: str, namespace: str, pods: str) -> str:
    """The expression with its placeholders replaced: within strings escaped as these need, else by quoted strings."""

    def replace(match: re.Match[str]) -> str:
        token = match[0]
        if token.startswith("#"):
            return token
        for placeholder, value in (("{{namespace}}", namespace), ("{{pods}}", pods)):
            if token == placeholder:
                return json.dumps(value, ensure_ascii=False)
            token = token.replace(placeholder, _escaped(value, token[0]))
        return token

    return _STRING_OR_COMMENT.sub(replace, expression)


def parsed(expression: str) -> Expr:
    """The tree of an expression without placeholders. Raises NotPromQL.

    A parser that does not know the newest syntax, or takes too long over what is nested very deeply, refuses it too.
    """
    outside_of_strings = _STRING_OR_COMMENT.sub("", expression)
    # The parser needs more and more time the deeper an expression is nested.
    if _depth(outside_of_strings) > _DEEPEST or len(_OPERATOR.findall(outside_of_strings)) > _MOST_OPERATORS:
        raise NotPromQL(f"it is nested deeper than {_DEEPEST} times, or has more than {_MOST_OPERATORS} operators")
    try:
        return parse(_without_raw_strings(expression))
    except ValueError as error:
        raise NotPromQL(plain(str(error), 200)) from None


def fault_of_expression(expression: str) -> str:
    """Why an expression with placeholders is no PromQL, for a person; empty if it is."""
    try:
        parsed(fill_in(expression, "namespace", "pods"))
    except NotPromQL as fault:
        return str(fault)
    return ""


def _escaped(text: str, quote: str) -> str:
    if quote == "`":
        return text
    return text.replace("\\", "\\\\").replace(quote, f"\\{quote}")


def _depth(outside_of_strings: str) -> int:
    return max(accumulate((c in "([{") - (c in ")]}") for c in outside_of_strings), default=0)


def _without_raw_strings(expression: str) -> str:
    """The parser takes escapes in raw strings for escapes, so they become quoted ones."""

    def quoted(match: re.Match[str]) -> str:
        return json.dumps(match[0][1:-1], ensure_ascii=False) if match[0].startswith("`") else match[0]

    return _STRING_OR_COMMENT.sub(quoted, expression)
