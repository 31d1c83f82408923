"""Whatever a service predicts becomes plain JSON, or is left out."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.serving.sinks import record

from modelrollout_serving.record import MOST_INPUT_BYTES, plain_confidence, plain_prediction


@pytest.mark.parametrize(
    ("prediction", "plain"),
    [
        ("spam", "spam"),
        (7, 7),
        (0.5, 0.5),
        (True, "true"),
        (None, None),
        (np.int64(7), 7),
        (np.float32(0.5), 0.5),
        (np.bool_(False), "false"),
        (np.str_("spam"), "spam"),
        ("half a pair: \ud83d, none: \0", "half a pair: ?, none: ?"),
        (np.array(3), 3),
    ],
)
def test_a_prediction_is_a_name_or_a_number_of_any_library(prediction: object, plain: object) -> None:
    assert plain_prediction(prediction) == plain
    assert type(plain_prediction(prediction)) is type(plain) or isinstance(prediction, np.str_)


@pytest.mark.parametrize("useless", [math.nan, math.inf, np.float64("nan"), [1, 2], object(), b"spam", {"a": 1}])
def test_what_is_neither_is_refused(useless: object) -> None:
    with pytest.raises((TypeError, ValueError)):
        plain_prediction(useless)


@pytest.mark.parametrize("useless", [-0.1, 1.1, math.nan, "sure"])
def test_a_confidence_is_between_0_and_1(useless: float) -> None:
    with pytest.raises(ValueError, match=r"confidence|could not convert"):
        plain_confidence(useless)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(value=JSON)
def test_a_captured_input_survives(value: object) -> None:
    assert json.loads(record(input=value).encoded())["input"] == value


def test_arrays_are_captured_as_lists() -> None:
    assert json.loads(record(input={"pixels": np.eye(2)}).encoded())["input"] == {"pixels": [[1, 0], [0, 1]]}


@pytest.mark.parametrize(
    "useless",
    [object(), [math.nan], "x" * (MOST_INPUT_BYTES + 1), np.array([np.inf])],
    ids=["object", "nan", "long", "inf"],
)
def test_a_record_goes_without_an_input_that_cannot_be_kept(useless: object) -> None:
    assert json.loads(record(input=useless).encoded()) == json.loads(record().encoded())
