"""The training data are remembered by their quantiles, and counted alike in training and in service."""

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from prometheus_client import REGISTRY
from tests.unit.serving.counting import grown

from modelrollout_serving import Predictions, Reference, reference
from modelrollout_serving.reference import MOST_FEATURES

NORMAL = np.random.default_rng(0).normal(size=(1000, 3))


def stored(metadata: dict[str, object]) -> Reference:
    found = Reference.of(metadata)
    assert found is not None
    return found


def test_numbers_are_cut_into_tenths_of_the_training_data() -> None:
    for feature in stored(reference(NORMAL)).features:
        assert len(feature.boundaries) == 9
        assert list(feature.shares.values()) == [pytest.approx(0.1)] * 10 + [0]


@given(values=arrays(float, st.tuples(st.integers(1, 50), st.just(1)), elements=st.floats(-1e6, 1e6) | st.just(np.nan)))
def test_the_shares_are_what_counting_the_training_data_gives(values: np.ndarray) -> None:
    [feature] = stored(reference(values)).features
    assert sum(feature.shares.values()) == pytest.approx(1)
    for bucket, share in feature.shares.items():
        assert share == pytest.approx(sum(feature.bucket(one) == bucket for [one] in values) / len(values))


@given(value=st.floats() | st.none() | st.text() | st.integers() | st.lists(st.integers()))
def test_every_value_falls_into_a_bucket(value: object) -> None:
    numbers, texts = stored(reference(NORMAL)).features[0], stored(reference(np.array([["a"], ["b"]]))).features[0]
    assert numbers.bucket(value) in numbers.buckets
    assert texts.bucket(value) in texts.buckets


def test_texts_are_taken_by_value() -> None:
    [feature] = stored(reference(np.array([["ch"], ["de"], ["ch"], [None], [np.nan]], dtype=object))).features
    assert feature.shares == {"ch": 0.4, "de": 0.2, "other": 0, "missing": 0.4}
    assert feature.bucket("fr") == "other"


def test_features_are_chosen_by_name_or_position() -> None:
    assert [one.name for one in stored(reference(NORMAL, [2, "0"])).features] == ["2", "0"]
    assert [(one.name, one.column) for one in stored(reference(NORMAL, {"size": 1})).features] == [("size", 1)]
    with pytest.raises(KeyError):
        reference(NORMAL, ["size"])
    with pytest.raises(ValueError, match="at most 50 of the 51"):
        reference(np.zeros((2, MOST_FEATURES + 1)))


def test_a_model_without_a_reference_has_none() -> None:
    assert Reference.of({"accuracy": 0.9}) is None


def test_inputs_are_counted_by_the_buckets_of_the_reference() -> None:
    predictions = Predictions()
    predictions.use(stored(reference(NORMAL, {"one": 0, "two": 1}, data_until=datetime(2026, 1, 1, tzinfo=UTC))))
    lowest = {"feature": "one", "bucket": "0"}
    highest = {"feature": "two", "bucket": "9"}
    counts = "modelrollout_feature_values_total"
    assert grown(lambda: predictions.record("a", features=[-9.0, 9.0, 0.0]), counts, **lowest) == 1
    assert grown(lambda: predictions.record("a", features={"two": 9.0}), counts, **highest) == 1
    assert grown(lambda: predictions.record("a", features={}), counts, feature="one", bucket="missing") == 1
    assert grown(lambda: None, "modelrollout_reference_share", **lowest) == 0


def test_the_reference_is_shown_beside_the_counts() -> None:
    predictions = Predictions()
    until = datetime(2026, 1, 1, tzinfo=UTC)
    found = stored(reference(NORMAL, {"shown": 0}, data_until=until))
    predictions.use(found)
    first = {"feature": "shown", "bucket": "0"}
    assert REGISTRY.get_sample_value("modelrollout_reference_share", first) == pytest.approx(0.1)
    assert REGISTRY.get_sample_value("modelrollout_reference_boundary", first) == found.features[0].boundaries[0]
    assert REGISTRY.get_sample_value("modelrollout_reference_timestamp_seconds") == until.timestamp()
