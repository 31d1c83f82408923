"""What a gate says of itself beside what it counts."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from modelrollout.api.gates import Gate
from modelrollout.metrics.counting.increases import Increases
from modelrollout.metrics.counting.scrapes import Groups
from modelrollout.metrics.counting.series import Series
from modelrollout.metrics.gates import measure
from modelrollout.metrics.source import Arm, Arms
from modelrollout.metrics.windows import Span
from modelrollout.rollout.measurements import Counted

ARMS = Arms("ml", "champion-.*", "challenger-.*")


class Recorded:
    """The requests that Prometheus holds of both arms; `counted` is what increases were asked for."""

    def __init__(self, *codes: str) -> None:
        self.arms, self.span = ARMS, Span(15_000, 0, 1)
        self.counted: Groups = {}
        self._series = [Series({"__name__": "requests", "http_response_code": code}, {0: 1.0}) for code in codes]

    def read(self, _: object, *, as_pods_warm_up: bool = False) -> list[Series]:
        return self._series

    def warm_increases(
        self, _family: str, _needed: object, _whole: object, counts: Groups, warm_up: int
    ) -> tuple[tuple[Increases, ...], Sequence[Arm]]:
        self.counted = counts
        return (), [Arm.CHALLENGER] if warm_up else []

    def with_notes(self, *notes: str) -> str:
        return "; ".join(filter(None, notes))


def note_of(reader: Any, kind: Mapping[str, object]) -> str:
    measured = measure(reader, Gate.model_validate({"name": "errors", "errorRate": kind}))
    assert isinstance(measured, Counted)
    return measured.note


@pytest.mark.parametrize("codes", ["5..", "5*"])
def test_it_is_said_that_no_answer_had_a_code_that_is_an_error(codes: str) -> None:
    assert (
        note_of(Recorded("200", "404"), {"codes": codes}) == f"no answer so far had a status code that matches {codes}"
    )


def test_nothing_is_said_once_a_code_matched() -> None:
    assert not note_of(Recorded("200", "500"), {})


def test_it_is_said_that_no_pod_is_warm_yet() -> None:
    assert note_of(Recorded("200", "500"), {"warmUp": "30s"}) == (
        "no challenger pod is warm yet: each is counted from 30 s after its first request on"
    )


def test_it_is_said_that_no_answer_came_from_the_endpoints_that_count() -> None:
    assert note_of(Recorded(), {"endpoints": "/predcit"}) == "no answer so far had an endpoint that matches /predcit"


@pytest.mark.parametrize(
    ("codes", "failed", "refused"),
    [("5..", ["500", "503"], ["400", "422"]), ("422|5..", ["422", "500", "503"], ["400"]), ("[45]..", 4, [])],
)
def test_every_4xx_code_counts_as_an_error_or_as_a_refusal(codes: str, failed: object, refused: list[str]) -> None:
    reader = Recorded("200", "301", "400", "422", "500", "503")
    note_of(reader, {"codes": codes})
    by_group = {group: [one.label("http_response_code") for one in series] for group, series in reader.counted.items()}
    assert by_group["refused"] == refused
    assert failed in (sorted(by_group["part"]), len(by_group["part"]))
    assert len(by_group["total"]) == 6
