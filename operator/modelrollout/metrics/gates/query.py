"""What a gate on a query evaluates."""

from collections.abc import Sequence
from math import isfinite

from modelrollout.api.expressions import fill_in
from modelrollout.api.gates.query import QueryGate
from modelrollout.metrics.counting.series import Series
from modelrollout.metrics.prometheus.client import QueryRefused
from modelrollout.metrics.prometheus.reader import Reader
from modelrollout.metrics.source import Arm
from modelrollout.rollout.measurements import Evaluated, Point


def measure(reader: Reader, gate: QueryGate, needed: Sequence[Arm]) -> Evaluated:
    """The values of the expression for both arms, whatever is `needed`."""
    span, arms = reader.span, reader.arms
    # At least the last window is evaluated, so that a query that is refused is refused at every look.
    first = min(span.after + 1, span.through)
    values = {}
    for arm in Arm:
        expression = fill_in(gate.expression, arms.namespace, arms.pods(arm))
        values[arm] = _single_values(reader.evaluate(expression, first))
    points = [
        Point(index, *(values[arm].get(span.start_of(index + 1)) for arm in Arm))
        for index in range(span.after + 1, span.through + 1)
    ]
    return Evaluated(tuple(points), span.through)


def _single_values(series: Sequence[Series]) -> dict[int, float]:
    """The finite values by time. Raises QueryRefused where there are several at once."""
    values: dict[int, float] = {}
    for one in series:
        for moment, value in one.samples.items():
            if moment in values:
                raise QueryRefused(
                    f"the expression gives {len(series)} series where one value is needed: aggregate them, for example "
                    "with sum()"
                )
            values[moment] = value
    return {moment: value for moment, value in values.items() if isfinite(value)}
