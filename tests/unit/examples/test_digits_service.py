"""What the digit classifier counts, for gates to compare."""

from collections.abc import Callable

import numpy as np
import pytest
from images import SIDE
from numpy.typing import NDArray
from prometheus_client import REGISTRY
from service import UNSURE_BELOW, Digits

BLANK = [0.0] * SIDE**2


class Confident:
    """A classifier that takes every image for a 7, always as sure of it."""

    def __init__(self, confidence: float) -> None:
        self.probabilities = np.full((1, 10), (1 - confidence) / 9)
        self.probabilities[0, 7] = confidence

    def predict_proba(self, pixels: NDArray[np.float64]) -> NDArray[np.float64]:
        return self.probabilities


def service(confidence: float) -> Digits.inner:
    """The service with a classifier of that confidence in place of a trained one."""
    made = object.__new__(Digits.inner)
    made.classifier = Confident(confidence)
    return made


def counted(act: Callable[[], object], series: str, **labels: str) -> float:
    """By how much a counter grows while something happens."""
    before = REGISTRY.get_sample_value(series, labels) or 0
    act()
    return (REGISTRY.get_sample_value(series, labels) or 0) - before


def test_a_prediction_is_counted_by_its_digit_and_its_confidence() -> None:
    def predict() -> None:
        assert service(0.85).predict(BLANK).digit == 7

    assert counted(predict, "modelrollout_predictions_total", endpoint="", prediction="7") == 1
    assert counted(predict, "modelrollout_confidence_bucket", endpoint="", le="0.8") == 0
    assert counted(predict, "modelrollout_confidence_bucket", endpoint="", le="0.9") == 1


@pytest.mark.parametrize(("confidence", "unsure"), [(UNSURE_BELOW - 0.01, 1), (UNSURE_BELOW, 0), (0.99, 0)])
def test_a_prediction_is_unsure_below_the_limit(confidence: float, unsure: int) -> None:
    series = "modelrollout_unsure_predictions_total"
    assert counted(lambda: service(confidence).predict(BLANK), series, endpoint="") == unsure


@pytest.mark.parametrize(("actual", "correct"), [(3, "true"), (4, "false")])
def test_feedback_counts_for_the_version_that_predicted(actual: int, correct: str) -> None:
    def tell() -> None:
        service(0.99).feedback(version="another", predicted=3, actual=actual)

    assert counted(tell, "digits_outcomes_total", version="another", correct=correct) == 1
