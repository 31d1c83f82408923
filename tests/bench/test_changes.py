"""The streams of the study of changes, and ours on them; the study is `python -m tests.bench.sequences changes`."""

import numpy as np
import pytest

from tests.bench.changes import RUN_LENGTH, Stream, ours
from tests.bench.report_sequences import changes as report


def stream(past, quiet, changed, categories):
    return Stream("drawn", "decay", past, quiet, changed, categories)


@pytest.mark.parametrize("categories", [2, 10])
def test_ours_is_silent_before_a_change_and_finds_it_within_two_days(categories):
    rng = np.random.default_rng(1)

    def hours(count, moved):
        if categories == 2:
            return rng.binomial(1, 0.3 if moved else 0.1, (count, 60))
        return rng.normal(1.0 if moved else 0.0, 1.0, (count, 60))

    drawn = stream(hours(14 * 24, False), hours(100, False), hours(48, True), categories)
    watch = ours(drawn)
    assert not any(watch(hour, values) for hour, values in enumerate(drawn.quiet))
    assert any(watch(hour, values) for hour, values in enumerate(drawn.changed))


def test_a_declared_rate_that_is_missed_is_told():
    row = {"data": "d", "change": "drift", "detector": "ours", "detected": 1.0, "delay_hours": 4.0, "runs": 3}
    assert "**Missed**: up to 1.50 a month." in report([row | {"false_alarms_per_month": 1.5}])
    assert "Kept in every row." in report([row | {"false_alarms_per_month": 30 * 24 / RUN_LENGTH}])
