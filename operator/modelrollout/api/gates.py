"""Gates: what a challenger must show before it is promoted, and what has it rolled back."""

import hashlib
import json
from typing import Annotated, ClassVar

from pydantic import Field, StrictInt

from modelrollout.api.base import ApiModel
from modelrollout.api.drift import DriftGate
from modelrollout.api.mean import MeanGate
from modelrollout.api.promql import CounterSelector, LabelName
from modelrollout.api.rules import Matches, RegularExpression, Rule
from modelrollout.api.units import Margin, Number, Percent, PositiveDuration, ShortDuration

Regex = Annotated[str, Field(min_length=1, max_length=512), RegularExpression()]


def _margin_rules(default: Margin) -> tuple[Rule, ...]:
    most = f"(has(self.maxIncrease) ? self.maxIncrease : '{default}')"
    return (
        Rule(
            cel="!(has(self.maxIncrease) && has(self.minImprovement))",
            holds=lambda gate: gate.max_increase is None or gate.min_improvement is None,
            message="only one of maxIncrease and minImprovement may be set",
        ),
        Rule(
            cel=f"has(self.minImprovement) || !({Percent.form.cel('self.tolerated')} && {Margin.form.cel(most)})"
            f" || double(self.tolerated.replace('%', '')) <= double({most}.replace('%', ''))",
            holds=lambda gate: gate.min_improvement is not None or gate.tolerated.fraction <= gate.margin,
            message="must not be above maxIncrease",
            field="tolerated",
        ),
    )


class ProportionGate(ApiModel):
    """A share of bad requests, compared with that of the baseline."""

    default_margin: ClassVar[Margin]

    max_increase: Margin | None = None
    """How much higher than the baseline's the share may be, in percentage points. Without it and minImprovement:
    0.5% for errorRate, 1% for latency and share.
    """
    min_improvement: Margin | None = None
    """How much lower than the baseline's the share must be, in percentage points: better by a margin, not just as good.
    """
    tolerated: Percent = Percent("0%")
    """Increase up to which there is no rollback either. Between it and maxIncrease both outcomes are right."""

    @property
    def margin(self) -> float:
        """Fraction by which the share may be higher than the baseline's; below 0 if it must be lower by so much."""
        if self.min_improvement is not None:
            return -self.min_improvement.fraction
        return (self.max_increase or self.default_margin).fraction


class ErrorRateGate(ProportionGate):
    """Share of requests that are answered with an error."""

    default_margin = Margin("0.5%")
    rules = _margin_rules(default_margin)

    max_ratio: Annotated[Number, Field(ge=1, le=10)] = 1
    """The baseline's rate is multiplied by this before the comparison."""
    codes: Regex = "5.."
    """Regular expression (RE2, matched as a whole) of the HTTP status codes that are errors."""
    endpoints: Regex | None = None
    """Regular expression (RE2, matched as a whole) of the endpoints that count; all of the model's if absent."""


class LatencyGate(ProportionGate):
    """Share of requests that take longer than a threshold."""

    default_margin = Margin("1%")
    rules = _margin_rules(default_margin)

    threshold: PositiveDuration
    """A request that takes longer is a bad one. Best a bucket boundary of the service's histogram."""
    warm_up: ShortDuration = ShortDuration("0s")
    """How long a pod's requests are left out after its first one, because they are slow only for being the first."""
    endpoints: Regex | None = None
    """Regular expression (RE2, matched as a whole) of the endpoints that count; all of the model's if absent."""


class ShareGate(ProportionGate):
    """Any share that two counters of the pods give: wrong labels of all labels, unsure answers of all answers."""

    default_margin = Margin("1%")
    rules = (
        *_margin_rules(default_margin),
        Rule(
            cel="has(self.bad) != has(self.good)",
            holds=lambda share: (share.bad is None) != (share.good is None),
            message="exactly one of bad and good must be set",
        ),
    )

    total: CounterSelector
    """Counter of everything, as a PromQL selector without namespace and pod, e.g. `digits_outcomes_total`."""
    bad: CounterSelector | None = None
    """Counter of the part that is bad, e.g. `digits_outcomes_total{correct="false"}`."""
    good: CounterSelector | None = None
    """Counter of the part that is not bad, in place of `bad`, e.g. `digits_outcomes_total{correct="true"}`."""
    cohort_label: LabelName | None = None
    """Label that names the version, as in the Bento's tag, for which a counter counts, whichever pod has it. Without it
    counters count for the version of their pod.
    """


class QueryGate(ApiModel):
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
            cel="[has(self.errorRate), has(self.latency), has(self.share), has(self.mean), has(self.drift),"
            " has(self.query)].exists_one(kind, kind)",
            holds=lambda gate: (
                [gate.proportion, gate.mean, gate.drift, gate.query].count(None) == 3
                and [gate.error_rate, gate.latency, gate.share].count(None) >= 2
            ),
            message="exactly one of errorRate, latency, share, mean, drift and query must be set",
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
    share: ShareGate | None = None
    """Any share that two counters of the pods give."""
    mean: MeanGate | None = None
    """The mean of what the pods sum up: a loss, a squared error, a cost, a value."""
    drift: DriftGate | None = None
    """Whether predictions, or inputs, fall into the same buckets."""
    query: QueryGate | None = None
    """A PromQL expression with bounds."""

    @property
    def proportion(self) -> ProportionGate | None:
        """What is compared, if it is a share of bad requests."""
        return self.error_rate or self.latency or self.share

    @property
    def cohort_label(self) -> str | None:
        """Label that names the version for which counters count; None if they count for the version of their pod."""
        kind = self.share or self.mean
        return kind.cohort_label if kind else None

    @property
    def digest(self) -> str:
        """Of all that the manifest says of it. Members at their default make no difference."""
        return hashlib.sha256(json.dumps(self.manifest(), sort_keys=True).encode()).hexdigest()[:10]
