"""The gate on a mean."""

from collections.abc import Hashable
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from modelrollout.api.gates.kind import Kind
from modelrollout.api.promql import CounterSelector, LabelName
from modelrollout.api.rules import Rule
from modelrollout.api.units import Number

Difference = Annotated[Number, Field(ge=0)]


class Better(StrEnum):
    """Which of two means is the better one."""

    LOWER = "Lower"
    HIGHER = "Higher"


class MeanGate(Kind):
    """The mean of what the pods sum up, compared with that of the baseline: a loss, a squared error, a cost, a value.

    All differences are in the unit of the mean.
    """

    rules = (
        Rule(
            cel="self.count != self.sum",
            holds=lambda mean: mean.count != mean.sum,
            message="must be another counter than sum",
            field="count",
            ratcheting=True,
        ),
        Rule(
            cel="!(has(self.maxDegradation) && has(self.minImprovement))",
            holds=lambda mean: mean.max_degradation is None or mean.min_improvement is None,
            message="only one of maxDegradation and minImprovement may be set",
        ),
        Rule(
            cel="has(self.maxDegradation) || has(self.minImprovement) || has(self.maxRatio)",
            holds=lambda mean: any(
                bound is not None for bound in (mean.max_degradation, mean.min_improvement, mean.max_ratio)
            ),
            message="at least one of maxDegradation, minImprovement and maxRatio must be set",
        ),
        Rule(
            cel="!has(self.maxRatio) || self.better == 'Lower'",
            holds=lambda mean: mean.max_ratio is None or mean.better is Better.LOWER,
            message="may only be set where lower is better",
            field="maxRatio",
        ),
        Rule(
            cel="has(self.minImprovement)"
            " || self.tolerated <= (has(self.maxDegradation) ? double(self.maxDegradation) : 0.0)",
            holds=lambda mean: mean.min_improvement is not None or mean.tolerated <= (mean.max_degradation or 0),
            message="must not be above maxDegradation",
            field="tolerated",
        ),
    )

    sum: CounterSelector
    """Counter of the sum of the values, as a PromQL selector without namespace and pod, e.g. `digits_loss_sum`. Where
    values are negative it may fall.
    """
    count: CounterSelector
    """Counter of the values, e.g. `digits_loss_count`."""
    cohort_label: LabelName | None = None
    """Label that names the version, as in the Bento's tag, for which a counter counts, whichever pod has it. Without it
    counters count for the version of their pod.
    """
    better: Better = Better.LOWER
    """Whether a `Lower` mean is better, like a loss, or a `Higher` one, like a value to the business."""
    max_degradation: Difference | None = None
    """How much worse than the baseline's the mean may be: higher, or lower where higher is better."""
    min_improvement: Difference | None = None
    """How much better than the baseline's the mean must be: better by a margin, not just as good."""
    max_ratio: Annotated[Number, Field(ge=1, le=10)] | None = None
    """The baseline's mean is multiplied by this before the comparison. For values that are never negative."""
    tolerated: Difference = 0
    """How much worse the mean may be without a rollback either. Between it and maxDegradation both outcomes are right.
    """

    @property
    def margin(self) -> float:
        """How much worse than the baseline's the mean may be; below 0 if it must be better by so much."""
        if self.min_improvement is not None:
            return -self.min_improvement
        return self.max_degradation or 0.0

    @property
    def why_not_planned(self) -> str:
        return "a mean, for which it matters how much it varies from one scrape to the next"

    @property
    def counted(self) -> tuple[Hashable, ...]:
        return self.sum, self.count, self.cohort_label

    @property
    def cohort(self) -> str | None:
        return self.cohort_label
