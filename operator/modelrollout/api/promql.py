"""A first look at PromQL. Prometheus has the last word, but only once there is something to judge."""

from typing import Annotated

from pydantic import Field

from modelrollout.api.rules import DoesNotMatch, Matches

_NAME = "[a-zA-Z_:][a-zA-Z0-9_:]*"
_LABEL = "[a-zA-Z_][a-zA-Z0-9_]*"
# Names beyond those, as OpenTelemetry has them, stand in quotes (Prometheus 3).
_QUOTED = r'"([^"\\{}]|\\.)+"'
_TEXT = r"""("([^"\\]|\\.)*"|'([^'\\]|\\.)*'|`[^`]*`)"""
_COMPARED = " *(=|!=|=~|!~) *"
_MATCHER = f" *({_LABEL}|{_QUOTED}){_COMPARED}{_TEXT} *"
_MATCHERS = f"({_MATCHER}(,{_MATCHER})*,?)? *"

CounterSelector = Annotated[
    str,
    Field(max_length=512),
    Matches(
        rf"{_NAME}(\{{{_MATCHERS}\}})?|\{{ *{_QUOTED} *(,{_MATCHERS})?\}}",
        'must be a PromQL selector of a counter, like outcomes_total or outcomes_total{correct="false"}',
    ),
    DoesNotMatch(
        rf'^({_NAME}\{{|\{{ *{_QUOTED} *,)({_MATCHER},)* *(namespace|pod|"namespace"|"pod"){_COMPARED}',
        "must not select by namespace or pod: the operator adds those of each version",
    ),
]
"""An instant vector selector of a counter, to which the pods of a version are added."""

MetricName = Annotated[
    str,
    Field(max_length=512),
    # Without what would have to be escaped in a selector.
    Matches("[a-zA-Z_:][-a-zA-Z0-9_:./]*", "must be the name of a metric, like digits_confidence"),
]
"""Name of a metric, without matchers."""

LabelName = Annotated[str, Field(max_length=512), Matches(_LABEL, "must be the name of a label, like digit")]
"""Name of a label."""

_PAIRS = {")": "(", "]": "[", "}": "{"}


def unbalanced(expression: str) -> str:
    """What is left open or closed too often in a PromQL expression, for a person; empty if nothing is."""
    opened: list[str] = []
    rest = iter(expression)
    for character in rest:
        if character in _PAIRS.values():
            opened.append(character)
        elif character in _PAIRS:
            if not opened or opened.pop() != _PAIRS[character]:
                return f"a {character} closes nothing"
        elif character in "\"'`":
            for inner in rest:
                if inner == character:
                    break
                if inner == "\\" and character != "`":
                    next(rest, None)
            else:
                return f"a {character} is never closed"
        elif character == "#":
            for inner in rest:
                if inner == "\n":
                    break
    return f"a {opened[-1]} is never closed" if opened else ""
