"""An administrator decides in which namespaces gates may ask Prometheus what they like."""

from collections.abc import Mapping, Sequence

import pytest

from modelrollout.api.gates import Gate
from modelrollout.metrics.permissions import PermittedQueries
from modelrollout.metrics.source import Arms
from modelrollout.rollout.measurements import BadQuery, Evaluated, Measurement

ERRORS = Gate.model_validate({"name": "errors", "errorRate": {}})
QUERY = Gate.model_validate({"name": "queue", "query": {"expression": "x{pod=~{{pods}}}", "max": 1}})


class Answering:
    """A source that has nothing to count, and remembers for which gates it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def measure(
        self, gates: Sequence[Gate], arms: Arms, *, after: int | None, now: float
    ) -> Mapping[str, Measurement]:
        self.asked += [gate.name for gate in gates]
        return {gate.name: Evaluated((), 7) for gate in gates}


@pytest.mark.parametrize("namespaces", [["*"], ["ml"], ["other", "ml"]])
async def test_a_query_is_asked_where_it_is_allowed(namespaces: list[str]) -> None:
    source = Answering()
    measured = await PermittedQueries(source, namespaces).measure(
        [ERRORS, QUERY], Arms("ml", "a", "b"), after=1, now=99
    )
    assert source.asked == list(measured) == ["errors", "queue"]


@pytest.mark.parametrize("namespaces", [[], ["other"]])
async def test_a_query_that_is_not_allowed_is_never_asked_and_the_other_gates_are_measured(
    namespaces: list[str],
) -> None:
    source = Answering()
    measured = await PermittedQueries(source, namespaces).measure(
        [QUERY, ERRORS], Arms("ml", "a", "b"), after=1, now=99
    )
    assert source.asked == ["errors"]
    assert measured["errors"] == Evaluated((), 7)
    assert isinstance(refused := measured["queue"], BadQuery)
    assert refused.message.startswith("gates of kind query are not allowed in namespace ml; the operator's ")
