"""Durations, percentages and quantities."""

from datetime import timedelta

import pytest
from pydantic import TypeAdapter, ValidationError

from modelrollout.api.resources import Quantity
from modelrollout.api.units import Duration, ErrorProbability, Margin, Percent, PositiveDuration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0s", 0),
        ("500ms", 0.5),
        ("90s", 90),
        ("10m", 600),
        ("1h30m", 5400),
        ("7d", 604_800),
        ("1d2h3m4s", 93_784),
        ("99999d99999d99999d99999d", 4 * 99_999 * 86_400),
    ],
)
def test_a_duration_is_the_sum_of_its_parts(text: str, seconds: float) -> None:
    assert Duration(text).seconds == seconds
    # What is longer than ten years would end beyond the calendar.
    assert Duration(text).timedelta == min(timedelta(seconds=seconds), timedelta(days=3650))


@pytest.mark.parametrize(
    "text", ["", "10", "10 m", "m", "1.5h", "-5s", "1w", "10m ", "10m\n", "123456s", "1s1s1s1s1s", "٣s", None, 600, 1.5]
)
def test_what_is_no_duration_is_refused_with_examples(text: str) -> None:
    with pytest.raises(ValueError, match="must be a duration like 500ms, 30s, 10m, 1h30m or 7d"):
        Duration(text)


@pytest.mark.parametrize("text", ["0s", "0h0m", "000ms", "soon"])
def test_a_positive_duration_is_longer_than_nothing(text: str) -> None:
    with pytest.raises(ValueError, match="must be a duration above 0s"):
        PositiveDuration(text)


def test_a_duration_reads_in_a_message_as_it_was_written() -> None:
    assert f"after {Duration('90m')}" == "after 90m"


@pytest.mark.parametrize(
    ("text", "fraction"),
    [("0%", 0.0), ("0.5%", 0.005), ("0.000001%", 1e-8), ("07%", 0.07), ("99.999999%", 0.99999999), ("100%", 1.0)],
)
def test_a_percentage_is_a_fraction_of_one(text: str, fraction: float) -> None:
    assert Percent(text).fraction == fraction


@pytest.mark.parametrize("text", ["", "%", "5", "-1%", "101%", "100.5%", "1e1%", "5 %", ".5%", "0.1234567%", 5, 0.5])
def test_what_is_no_percentage_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="must be a percentage from 0% to 100%"):
        Percent(text)


@pytest.mark.parametrize("text", ["100%", "100.0%"])
def test_a_margin_leaves_something_to_prove(text: str) -> None:
    with pytest.raises(ValueError, match="below 100%"):
        Margin(text)


@pytest.mark.parametrize("text", ["0%", "0.00%", "50%", "50.1%", "100%"])
def test_a_probability_of_error_is_neither_nothing_nor_a_coin_toss(text: str) -> None:
    with pytest.raises(ValueError, match="above 0% and below 50%"):
        ErrorProbability(text)


@pytest.mark.parametrize(
    ("given", "text"),
    [(2, "2"), ("500m", "500m"), ("0.5", "0.5"), (".5", ".5"), ("1e3", "1e3"), ("128Mi", "128Mi"), ("1.", "1.")],
)
def test_a_quantity_is_kept_as_text(given: str | int, text: str) -> None:
    assert TypeAdapter(Quantity).validate_python(given) == text


@pytest.mark.parametrize("given", ["", "1 Gi", "2GB", "-1", "lots", 0.5, True, "1" * 33])
def test_what_is_no_quantity_is_refused_with_examples(given: object) -> None:
    with pytest.raises(ValidationError, match="must be a quantity like 500m, 2 or 1Gi"):
        TypeAdapter(Quantity).validate_python(given)
