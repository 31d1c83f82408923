"""Which failures count against the operator, and which a busy machine or a model explains."""

from collections.abc import Sequence

import pytest

from modelrollout_testkit.answers import Answer, Kind, answer_of
from modelrollout_testkit.control import unexplained

V3 = "digits:v3"
FAULTY = frozenset({V3})


def answers(code: int, times: int, by_model: bool = True, version: str = "digits:v2", error: str = "") -> list[Answer]:
    return [Answer(0, 0.01, code, version, by_model, None, error)] * times


WELL = answers(200, 1000)
GIVEN_UP = "context deadline exceeded (Client.Timeout exceeded while awaiting headers)"


@pytest.mark.parametrize(
    ("failures", "control", "count"),
    [
        pytest.param(answers(500, 20, version=V3), WELL, 0, id="a bug that the model is known for"),
        pytest.param(answers(503, 1, by_model=False), WELL, 1, id="one that the gateway lost"),
        pytest.param(answers(503, 1, by_model=False, version=V3), WELL, 1, id="one that it lost for a faulty model"),
        pytest.param(answers(0, 1, by_model=False, error="connection refused"), WELL, 1, id="one that nobody took"),
        pytest.param(answers(500, 1), WELL, 1, id="an error of a model without a bug"),
        pytest.param(answers(504, 5), WELL, 0, id="time-outs that can be chance"),
        pytest.param(answers(504, 5) + answers(0, 3, False, error=GIVEN_UP), WELL, 0, id="of both ends"),
        pytest.param(answers(504, 40), [*WELL, *answers(504, 30)], 0, id="time-outs that the control has too"),
        pytest.param(answers(504, 40), WELL, 40, id="time-outs that the control has not"),
        pytest.param(answers(504, 40), [*WELL, *answers(504, 5)], 40, id="far more than the control has"),
        pytest.param(answers(503, 3, by_model=False), [*WELL, *answers(503, 2, False)], 0, id="lost beside it too"),
        pytest.param(answers(504, 1), [], 1, id="any where there was no control"),
    ],
)
def test_what_counts_is_the_difference_to_the_control(
    failures: Sequence[Answer], control: Sequence[Answer], count: int
) -> None:
    assert len(unexplained([*WELL, *failures], control, FAULTY)) == count


@pytest.mark.parametrize(
    ("code", "headers", "error", "kind"),
    [
        (200, {"X-Bentoml-Request-Id": ["1"]}, "", None),
        (500, {"X-Bentoml-Request-Id": ["1"]}, "500", Kind.ERROR),
        # BentoML's own time-out has no number, but Envoy says how long the pod took.
        (504, {"x-envoy-upstream-service-time": ["10003"]}, "504 Gateway Timeout", Kind.TIME_OUT),
        (504, {}, "upstream request timeout", Kind.TIME_OUT),
        (503, {}, "no healthy upstream", Kind.LOST),
        (0, None, "connect: connection refused", Kind.LOST),
        (0, None, GIVEN_UP, Kind.TIME_OUT),
    ],
)
def test_who_answered_tells_what_kind_of_failure_it_is(
    code: int, headers: dict[str, list[str]] | None, error: str, kind: Kind | None
) -> None:
    result = {
        "timestamp": "2026-01-01T00:00:00Z",
        "latency": 1_000_000,
        "code": code,
        "headers": headers,
        "error": error,
        "url": "http://gateway/predict?row=7",
        "body": "eyJkaWdpdCI6IDN9",
    }
    answer = answer_of(result, {7: 3}.__getitem__)
    assert answer.kind == kind
    assert answer.right is (True if kind is None else None)
