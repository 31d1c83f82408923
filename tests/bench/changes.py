"""False alarms a month and delay to detect on streams of real data, beside detectors of river and Evidently."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from modelrollout.evidence.change import ChangeTest, is_alarm, usual_shares
from tests.bench.retrained import Answered, answered_rows

Array = np.ndarray

DAY, LEARNT, QUIET, CHANGED = 24, 14, 30, 14
PER_HOUR = 60
# One false alarm in 90 days.
RUN_LENGTH = 90 * DAY
TOLERATED = {"decay": 0.005, "drift": 0.02}
SHIFT = 0.5
QUANTILES = 10

# Whether a value, of which an hour has many, raises an alarm; made anew after each.
Watch = Callable[[int, Array], bool]


@dataclass(frozen=True)
class Stream:
    """Values of requests by hour: of the past, then without a change, then with one; 2 categories: right and wrong."""

    data: str
    change: str
    past: Array
    quiet: Array
    changed: Array
    categories: int


def run(runs: int, seed: int = 31) -> list[dict[str, Any]]:
    """One row per data set, change and detector; fewer runs for those that take long."""
    rows = []
    for answered in answered_rows():
        for change in ("decay", "drift"):
            for name, (detector, share) in _DETECTORS.items():
                count = max(2, round(share * runs))
                streams = (_stream(answered, change, np.random.default_rng([seed, index])) for index in range(count))
                row = {"data": answered.data, "change": change, "detector": name, "runs": count}
                row |= _measured(detector, streams)
                print(row, flush=True)
                rows.append(row)
    return rows


def _measured(detector: Callable[[Stream], Watch], streams: Iterator[Stream]) -> dict[str, Any]:
    false_alarms, delays, count = 0, [], 0
    for stream in streams:
        count += 1
        watch = detector(stream)
        for hour, values in enumerate(stream.quiet):
            if watch(hour, values):
                false_alarms += 1
                watch = detector(stream)
        watch = detector(stream)
        # It has seen the last quiet week before the change comes.
        for hour, values in enumerate(stream.quiet[-7 * DAY :]):
            if watch(hour + (QUIET - 7) * DAY, values):
                watch = detector(stream)
        found = (hour + 1 for hour, values in enumerate(stream.changed) if watch(hour, values))
        delays.append(next(found, math.inf))
    detected = [delay for delay in delays if delay < math.inf]
    return {
        "false_alarms_per_month": false_alarms / count,
        "detected": len(detected) / count,
        "delay_hours": float(np.median(detected)) if detected else None,
    }


def _stream(answered: Answered, change: str, rng: np.random.Generator) -> Stream:
    def hours(days: int, values: Array) -> Array:
        return np.array([values[_rows_at(answered, hour, rng)] for hour in range(days * DAY)])

    if change == "decay":
        before, after = answered.wrong.astype(int), answered.wrong_later.astype(int)
        categories = 2
    else:
        before = answered.feature
        after = before + SHIFT * before.std()
        categories = QUANTILES
    return Stream(answered.data, change, hours(LEARNT, before), hours(QUIET, before), hours(CHANGED, after), categories)


def _rows_at(answered: Answered, hour: int, rng: np.random.Generator) -> Array:
    """Rows of one hour: each class is more frequent at its own time of the day."""
    weights = 1 + 0.3 * np.sin(2 * math.pi * (hour / DAY + answered.classes / answered.classes.max() / 2))
    drawn: Array = rng.choice(len(weights), PER_HOUR, p=weights / weights.sum())
    return drawn


def ours(stream: Stream) -> Watch:
    """By the same hours of the day; inputs in tenths of the past, growth of what is wrong."""
    ends = np.unique(np.quantile(stream.past, np.arange(1, QUANTILES) / QUANTILES))
    categories = 2 if stream.categories == 2 else len(ends) + 1

    def counts(values: Array) -> list[int]:
        bins = values if categories == 2 else np.searchsorted(ends, values)
        found: list[int] = np.bincount(bins, minlength=categories).tolist()
        return found

    usual = usual_shares([counts(values) for values in stream.past], DAY)
    test = ChangeTest(usual, TOLERATED[stream.change], RUN_LENGTH, watched=(1,) if categories == 2 else ())
    state = test.start()

    def watch(hour: int, values: Array) -> bool:
        nonlocal state
        state = test.update(state, counts(values), hour)
        return is_alarm([state], RUN_LENGTH)

    return watch


def _river(name: str) -> Callable[[Stream], Watch]:
    def detector(_: Stream) -> Watch:
        from river import drift  # noqa: PLC0415 - of the group `bench`

        inner = getattr(drift, name)()

        def watch(_: int, values: Array) -> bool:
            alarm = False
            for value in values.tolist():
                inner.update(value)
                alarm = alarm or inner.drift_detected
            return alarm

        return watch

    return detector


def evidently(stream: Stream) -> Watch:
    """A report a day against the past, with the test and threshold that it chooses by itself."""
    import pandas as pd  # noqa: PLC0415 - of the group `bench`
    from evidently import Report  # noqa: PLC0415 - of the group `bench`
    from evidently.presets import DataDriftPreset  # noqa: PLC0415 - of the group `bench`

    past, today = pd.DataFrame({"value": stream.past.ravel()}), []

    def watch(hour: int, values: Array) -> bool:
        today.append(values)
        if len(today) < DAY:
            return False
        current = pd.DataFrame({"value": np.concatenate(today)})
        today.clear()
        figures = Report([DataDriftPreset()]).run(current, past).dict()["metrics"]
        return any(figure["value"]["count"] > 0 for figure in figures if isinstance(figure["value"], dict))

    return watch


# How to make each, and the share of the runs that it takes part in.
_DETECTORS: dict[str, tuple[Callable[[Stream], Watch], float]] = {
    "ours": (ours, 1.0),
    "river ADWIN": (_river("ADWIN"), 0.1),
    "river PageHinkley": (_river("PageHinkley"), 0.1),
    "river KSWIN": (_river("KSWIN"), 0.02),
    "Evidently, daily": (evidently, 0.02),
}
