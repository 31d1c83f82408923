"""What a service's predictions become: counts and records. Nothing of it can fail a prediction."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.serving.counting import grown
from tests.unit.serving.sinks import Kept

from modelrollout_serving import Capture, Predictions, Record

TOTAL = "modelrollout_predictions_total"


def recorded(act: Callable[[Predictions], object], **options: object) -> list[Record]:
    """The records that something leaves."""
    sink = Kept()
    predictions = Predictions(sink=sink, **options)  # type: ignore[arg-type]
    act(predictions)
    predictions.close()
    return sink.records


def test_a_prediction_is_recorded_with_what_the_service_says() -> None:
    [one] = recorded(lambda its: its.record(np.int64(7), 0.8, segments={"country": "ch"}, key="order-1", input=[1]))
    assert (one.prediction, one.confidence, one.segments, one.key) == (7, 0.8, {"country": "ch"}, "order-1")
    assert one.input is None


def test_a_prediction_outside_of_a_request_has_an_id_of_its_own() -> None:
    predictions = Predictions(sink=Kept())
    assert predictions.record("a") != predictions.record("a")


def test_an_input_is_recorded_where_it_is_asked_for() -> None:
    def act(predictions: Predictions) -> None:
        predictions.record("a", 0.4, input=[1])
        predictions.record("a", 0.6, input=[2])

    assert [one.input for one in recorded(act, capture=Capture(unsure_below=0.5))] == [[1], None]


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text() | st.binary() | st.builds(object),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(), inner, max_size=2),
    max_leaves=5,
)


@given(prediction=ANYTHING, confidence=ANYTHING, features=ANYTHING, segments=ANYTHING, key=ANYTHING, input=ANYTHING)
def test_no_prediction_fails_by_being_recorded(prediction: object, confidence: object, **others: object) -> None:
    for one in recorded(lambda its: its.record(prediction, confidence, **others), capture=Capture(sample=1)):  # type: ignore[arg-type]
        assert one.encoded()


def test_what_cannot_be_recorded_is_counted() -> None:
    predictions = Predictions(sink=Kept())
    dropped = {"reason": "invalid"}
    assert grown(lambda: predictions.record([1, 2]), "modelrollout_dropped_records_total", **dropped) == 1
    assert grown(lambda: predictions.record("a", 80), "modelrollout_dropped_records_total", **dropped) == 1


def test_classes_are_counted_by_name() -> None:
    predictions = Predictions()
    assert grown(lambda: predictions.record("spam"), TOTAL, endpoint="", prediction="spam") == 1
    assert grown(lambda: predictions.record(7), TOTAL, endpoint="", prediction="7") == 1


@pytest.mark.parametrize(("number", "named"), [(5, "up to 10"), (10, "up to 10"), (10.5, "10 to 20"), (21, "above 20")])
def test_numbers_are_counted_by_range(number: float, named: str) -> None:
    predictions = Predictions(boundaries=[10, 20])
    assert grown(lambda: predictions.record(number), TOTAL, endpoint="", prediction=named) == 1
    assert grown(lambda: predictions.record(number), "modelrollout_predicted_value_sum", endpoint="") == number


def test_classes_without_end_are_counted_together() -> None:
    predictions = Predictions()

    def many() -> None:
        for number in range(150):
            predictions.record(f"class-{number}")

    assert grown(many, TOTAL, endpoint="", prediction="other") == 50


@pytest.mark.parametrize(("confidence", "unsure"), [(0.89, 1), (0.9, 0), (None, 0)])
def test_a_prediction_is_unsure_below_the_limit(confidence: float | None, unsure: int) -> None:
    predictions = Predictions(unsure_below=0.9)
    series = "modelrollout_unsure_predictions_total"
    assert grown(lambda: predictions.record("a", confidence), series, endpoint="") == unsure


def test_without_a_sink_predictions_are_counted_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MODELROLLOUT_OUTCOMES_URL", raising=False)
    monkeypatch.delenv("MODELROLLOUT_PREDICTIONS_FILE", raising=False)
    predictions = Predictions()
    assert grown(lambda: predictions.record("spam"), TOTAL, endpoint="", prediction="spam") == 1
    predictions.close()
