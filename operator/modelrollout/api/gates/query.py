"""The gate on the value of a PromQL expression."""

from collections.abc import Hashable, Iterator
from typing import Annotated

from pydantic import Field

from modelrollout.api.expressions import fault_of_expression
from modelrollout.api.gates.kind import Kind
from modelrollout.api.promql import unbalanced
from modelrollout.api.regular_expressions import finds
from modelrollout.api.rules import Rule, cel_string
from modelrollout.api.units import Integer, Number

# {{pods}} in a string or outside of one, after any number of strings, comments and other characters.
_USED = (
    r"""(?s)^([^"'`#]|"([^"\\]|\\.)*"|'([^'\\]|\\.)*'|`[^`]*`|#[^\n]*\n)*"""
    r"""("([^"\\]|\\.)*|'([^'\\]|\\.)*|`[^`]*|)\{\{pods\}\}"""
)


class QueryGate(Kind):
    """A PromQL expression, evaluated for each version and compared with bounds. No error rates hold here."""

    rules = (
        Rule(
            cel="has(self.max) || has(self.min) || has(self.maxIncrease) || has(self.maxRatio)",
            holds=lambda query: any(
                bound is not None for bound in (query.max, query.min, query.max_increase, query.max_ratio)
            ),
            message="at least one of max, min, maxIncrease and maxRatio must be set",
        ),
        Rule(
            cel="self.expression.contains('{{pods}}')",
            holds=lambda query: "{{pods}}" in query.expression,
            message="must contain {{pods}}, which stands for the pods of the version that is evaluated",
            field="expression",
        ),
        Rule(
            cel=f"!self.expression.contains('{{{{pods}}}}') || self.expression.matches({cel_string(_USED)})",
            holds=lambda query: "{{pods}}" not in query.expression or finds(_USED, query.expression),
            message="must use {{pods}} outside of comments too",
            field="expression",
            ratcheting=True,
        ),
        Rule(
            cel="!self.expression.replace('{{pods}}', '').replace('{{namespace}}', '').contains('{{')",
            holds=lambda query: "{{" not in query.expression.replace("{{pods}}", "").replace("{{namespace}}", ""),
            message="may use no other placeholders than {{pods}} and {{namespace}}",
            field="expression",
        ),
    )

    expression: Annotated[str, Field(min_length=1, max_length=8192)]
    """PromQL that gives one value, e.g. `avg(my_score{namespace="{{namespace}}",pod=~"{{pods}}"})`. `{{namespace}}`
    stands for the namespace, `{{pods}}` for a regular expression that matches the names of the version's pods.
    """
    max: Number | None = None
    """The challenger's value may not be above this."""
    min: Number | None = None
    """The challenger's value may not be below this."""
    max_increase: Number | None = None
    """The challenger's value may not be above the champion's by more than this."""
    max_ratio: Number | None = None
    """The challenger's value may not be above the champion's times this."""
    failure_limit: Annotated[Integer, Field(ge=1, le=1000)] = 3
    """Evaluations in a row, one per scrape, that must be out of bounds for the gate to fail."""
    pass_limit: Annotated[Integer, Field(ge=1, le=1000)] = 10
    """Evaluations in a row, one per scrape, that must be within bounds for the gate to pass."""

    @property
    def why_not_planned(self) -> str:
        return "a query, judged by its evaluations in a row, not by requests"

    @property
    def counted(self) -> tuple[Hashable, ...]:
        return (self.expression,)

    @property
    def has_error_rates(self) -> bool:
        return False

    def problems(self) -> Iterator[tuple[str, str]]:
        if fault := unbalanced(self.expression):
            yield "expression", f"must be PromQL, but {fault}"

    def problems_if_applied(self) -> Iterator[tuple[str, str]]:
        # Prometheus may be newer than our parser: what is stored is for Prometheus to refuse, at each look.
        if not unbalanced(self.expression) and (fault := fault_of_expression(self.expression)):
            yield "expression", f"must be PromQL, but {fault}"
