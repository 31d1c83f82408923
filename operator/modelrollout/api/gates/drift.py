"""The gate on drift."""

from collections.abc import Hashable
from itertools import pairwise
from typing import Annotated

from pydantic import Field

from modelrollout.api.gates.kind import Kind
from modelrollout.api.promql import CounterSelector, LabelName, MetricName
from modelrollout.api.rules import Rule
from modelrollout.api.units import Number, Percent, PositiveMargin, at_most

# With one more for the rest: the state of so many takes less than 1 KiB of the status.
MOST_BUCKETS = 20


def _each_once(field: str) -> Rule:
    return Rule(
        cel=f"!has(self.{field}) || self.{field}.all(one, self.{field}.exists_one(other, other == one))",
        holds=lambda drift: len(set(getattr(drift, field) or ())) == len(getattr(drift, field) or ()),
        message="must not hold anything twice",
        field=field,
    )


class DriftGate(Kind):
    """Whether predictions, or inputs, fall into the same buckets as those of the baseline.

    The buckets are values of a counter's label, or between the boundaries of a histogram.
    """

    rules = (
        Rule(
            cel="has(self.counter) != has(self.histogram)",
            holds=lambda drift: (drift.counter is None) != (drift.histogram is None),
            message="exactly one of counter and histogram must be set",
        ),
        Rule(
            cel="has(self.label) == has(self.counter) && has(self.values) == has(self.counter)",
            holds=lambda drift: (drift.label is None) == (drift.values is None) == (drift.counter is None),
            message="label and values must be set with counter, and only with it",
        ),
        Rule(
            cel="has(self.boundaries) == has(self.histogram)",
            holds=lambda drift: (drift.boundaries is None) == (drift.histogram is None),
            message="boundaries must be set with histogram, and only with it",
        ),
        _each_once("values"),
        _each_once("boundaries"),
        Rule(
            cel=f"!({Percent.form.cel('self.tolerated')} && {PositiveMargin.form.cel('self.maxDistance')})"
            " || double(self.tolerated.replace('%', '')) <= double(self.maxDistance.replace('%', ''))",
            holds=lambda drift: drift.tolerated.fraction <= drift.max_distance.fraction,
            message="must not be above maxDistance",
            field="tolerated",
        ),
    )

    counter: CounterSelector | None = None
    """Counter with a label by which it is split, as a PromQL selector without namespace and pod, e.g.
    `digits_predictions_total`.
    """
    label: LabelName | None = None
    """The label of `counter` the values of which are the buckets, e.g. `digit`."""
    values: (
        Annotated[
            tuple[Annotated[str, Field(min_length=1, max_length=128)], ...],
            Field(min_length=1, max_length=MOST_BUCKETS),
        ]
        | None
    ) = None
    """The values that are a bucket each, best in an order of their own if they have one. All others are one more."""
    histogram: MetricName | None = None
    """Name of a classic histogram, in place of `counter`, e.g. `digits_confidence`."""
    boundaries: Annotated[tuple[Number, ...], Field(min_length=1, max_length=MOST_BUCKETS)] | None = None
    """Boundaries between the buckets: some or all of those that the histogram has in its label `le`."""
    tolerated: Percent = Percent("5%")
    """Share of the predictions that may have moved to other buckets without a rollback (total variation distance)."""
    max_distance: Annotated[PositiveMargin, at_most("50%")] = PositiveMargin("10%")
    """How far apart the shares up to and including a bucket must surely not be, for any bucket, for a promotion
    (Kolmogorov distance). Between it and tolerated both outcomes are right.
    """

    @property
    def buckets(self) -> tuple[str, ...]:
        """Names of the buckets, in their order: values and the rest, or the ranges between boundaries."""
        if self.values is not None:
            return (*self.values, "others")
        edges = [f"{boundary:g}" for boundary in sorted(self.boundaries or ())]
        return (
            f"up to {edges[0]}",
            *(f"{lower} to {upper}" for lower, upper in pairwise(edges)),
            f"above {edges[-1]}",
        )

    @property
    def why_not_planned(self) -> str:
        return "drift, for which the shares of all buckets matter"

    @property
    def counted(self) -> tuple[Hashable, ...]:
        return self.counter, self.label, self.histogram, self.buckets
