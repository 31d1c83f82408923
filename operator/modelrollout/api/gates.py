"""Gates: what a challenger must show before it is promoted, and what has it rolled back."""

from typing import Annotated

from pydantic import Field, StrictInt

from modelrollout.api.base import ApiModel
from modelrollout.api.rules import Matches, RegularExpression, Rule
from modelrollout.api.units import Margin, Number, Percent, PositiveDuration

Regex = Annotated[str, Field(min_length=1, max_length=512), RegularExpression()]


_TOLERATED_WITHIN_MARGIN = Rule(
    cel=f"!({Percent.form.cel('self.tolerated')} && {Margin.form.cel('self.maxIncrease')})"
    " || double(self.tolerated.replace('%', '')) <= double(self.maxIncrease.replace('%', ''))",
    holds=lambda gate: gate.tolerated.fraction <= gate.max_increase.fraction,
    message="must not be above maxIncrease",
    field="tolerated",
)


class ErrorRateGate(ApiModel):
    """Share of requests that are answered with an error, compared with the champion's at the same time."""

    rules = (_TOLERATED_WITHIN_MARGIN,)

    max_increase: Margin = Margin("0.5%")
    """How much higher than the champion's the rate may be, in percentage points."""
    max_ratio: Annotated[Number, Field(ge=1, le=10)] = 1
    """The champion's rate is multiplied by this before the comparison."""
    tolerated: Percent = Percent("0%")
    """Increase up to which there is no rollback either. Between it and maxIncrease both outcomes are right."""
    codes: Regex = "5.."
    """Regular expression (RE2, matched as a whole) of the HTTP status codes that are errors."""
    endpoints: Regex | None = None
    """Regular expression (RE2, matched as a whole) of the endpoints that count; all of the model's if absent."""


class LatencyGate(ApiModel):
    """Share of requests that take longer than a threshold, compared with the champion's at the same time."""

    rules = (_TOLERATED_WITHIN_MARGIN,)

    threshold: PositiveDuration
    """A request that takes longer is a bad one. Best a bucket boundary of the service's histogram."""
    max_increase: Margin = Margin("1%")
    """How much higher than the champion's the share may be, in percentage points."""
    tolerated: Percent = Percent("0%")
    """Increase up to which there is no rollback either. Between it and maxIncrease both outcomes are right."""
    endpoints: Regex | None = None
    """Regular expression (RE2, matched as a whole) of the endpoints that count; all of the model's if absent."""


class QueryGate(ApiModel):
    """A PromQL expression, evaluated for each version and compared with fixed bounds. No error rates hold here."""

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
    failure_limit: Annotated[StrictInt, Field(ge=1, le=1000)] = 3
    """Evaluations in a row, one per scrape, that must be out of bounds for the gate to fail."""
    pass_limit: Annotated[StrictInt, Field(ge=1, le=1000)] = 10
    """Evaluations in a row, one per scrape, that must be within bounds for the gate to pass."""


class Gate(ApiModel):
    """One criterion by which a challenger is judged. Exactly one kind is set."""

    rules = (
        Rule(
            cel="[has(self.errorRate), has(self.latency), has(self.query)].exists_one(kind, kind)",
            holds=lambda gate: [gate.error_rate, gate.latency, gate.query].count(None) == 2,
            message="exactly one of errorRate, latency and query must be set",
        ),
    )

    name: Annotated[
        str,
        Field(max_length=63),
        Matches("[a-z0-9]([-a-z0-9]*[a-z0-9])?", "must be lower case letters, digits and -, like errors"),
    ]
    """Name of the gate, as it appears in the status."""
    error_rate: ErrorRateGate | None = None
    """Share of requests that are answered with an error."""
    latency: LatencyGate | None = None
    """Share of requests that take longer than a threshold."""
    query: QueryGate | None = None
    """A PromQL expression with bounds."""
