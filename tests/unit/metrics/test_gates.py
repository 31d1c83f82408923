"""What a gate says of itself beside what it counts."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from modelrollout.api.gates import Gate
from modelrollout.metrics.counting.increases import Increases
from modelrollout.metrics.counting.series import Series
from modelrollout.metrics.gates import measure
from modelrollout.metrics.source import Arms
from modelrollout.metrics.windows import Span
from modelrollout.rollout.measurements import Counted

ARMS = Arms("ml", "champion-.*", "challenger-.*")


class Recorded:
    """What Prometheus holds of both arms: requests, and failed ones, by the first words of a selector."""

    def __init__(self, **series: list[Series]) -> None:
        self.arms, self.span = ARMS, Span(15_000, 0, 1)
        self._series = series

    def read(self, selectors: tuple[str, ...]) -> list[Series]:
        return self._series["failed" if "http_response_code" in selectors[0] else "all"]

    def increases(self, *_: object) -> tuple[Increases, ...]:
        return ()

    def with_notes(self, *notes: str) -> str:
        return "; ".join(filter(None, notes))


def note_of(reader: Any, kind: Mapping[str, object]) -> str:
    measured = measure(reader, Gate.model_validate({"name": "errors", "errorRate": kind}))
    assert isinstance(measured, Counted)
    return measured.note


def series(code: str) -> Sequence[Series]:
    return [Series({"__name__": "bentoml_service_request_total", "http_response_code": code}, {0: 1.0})]


@pytest.mark.parametrize("codes", ["5..", "5*"])
def test_it_is_said_that_no_answer_had_a_code_that_is_an_error(codes: str) -> None:
    reader = Recorded(all=[*series("200"), *series("404")], failed=[])
    assert note_of(reader, {"codes": codes}) == f"no answer so far had a status code that matches {codes}"


def test_nothing_is_said_once_a_code_matched() -> None:
    assert not note_of(Recorded(all=[*series("200"), *series("500")], failed=[*series("500")]), {})


def test_it_is_said_that_no_answer_came_from_the_endpoints_that_count() -> None:
    note = note_of(Recorded(all=[], failed=[]), {"endpoints": "/predcit"})
    assert note == "no answer so far had an endpoint that matches /predcit"
