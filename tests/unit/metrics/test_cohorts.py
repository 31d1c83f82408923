"""What becomes known late counts for the version that made the prediction, whichever pod is told."""

from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.metrics.recorded import ARMS, CHALLENGER, CHAMPION, clock_of, target_labels

from modelrollout.evidence.counts import ArmCounts, Block
from modelrollout.metrics.counting.cohorts import by_version, of_versions, split_by_version
from modelrollout.metrics.counting.continuity import Followed
from modelrollout.metrics.counting.increases import increases
from modelrollout.metrics.counting.scrapes import read_scrapes, read_targets
from modelrollout.metrics.counting.series import Series, Unreadable
from modelrollout.metrics.kinds import PART, TOTAL, proportions
from modelrollout.metrics.source import Arms
from modelrollout.metrics.windows import Span
from modelrollout.rollout.measurements import Window

T = 1000
VERSIONED = replace(ARMS, champion_version="v1", challenger_version="v2")
PODS = (CHAMPION, CHALLENGER)

Outcomes = Mapping[tuple[str, str], tuple[int, ...]]
"""What a pod counted at each of its scrapes, by the version that predicted and whether that was correct."""


def outcomes_of(record: Mapping[str, Outcomes], label: str = "version", **more: str) -> list[Series]:
    return [
        Series(
            {"__name__": "outcomes", **target_labels(pod), label: version, "correct": correct, **more},
            {index * T: float(count) for index, count in enumerate(counts)},
        )
        for pod, outcomes in record.items()
        for (version, correct), counts in outcomes.items()
    ]


def count(series: list[Series], scrapes: int, arms: Arms = VERSIONED) -> tuple[Window, ...]:
    targets = read_targets(clock_of({pod: {index * T: {} for index in range(scrapes)} for pod in PODS}))
    known = of_versions(series, "version", arms)
    groups = {TOTAL: known, PART: [one for one in known if one.labels["correct"] == "false"]}
    scraped = read_scrapes(targets, split_by_version(groups, "version", arms), {}, since=-1)
    span = Span(T, 0, scrapes - 1)
    return proportions(by_version(Followed().trusted(increases(scraped, ARMS, span), span)), ArmCounts)


def block(champion: tuple[int, int], challenger: tuple[int, int]) -> Block:
    return Block(ArmCounts(*champion), ArmCounts(*challenger))


def test_an_outcome_counts_for_the_version_that_its_label_names() -> None:
    record: Mapping[str, Outcomes] = {
        CHAMPION: {("v1", "true"): (5, 7), ("v2", "false"): (0, 3), ("v0", "false"): (0, 50)},
        CHALLENGER: {("v1", "false"): (1, 2), ("v2", "true"): (0, 11)},
    }

    assert [window.block for window in count(outcomes_of(record), 2)] == [block((3, 1), (14, 3))]


def test_a_pod_that_started_anew_is_counted_from_0_for_every_version() -> None:
    record: Mapping[str, Outcomes] = {
        CHAMPION: {("v1", "true"): (90, 2, 3), ("v2", "true"): (3, 4, 5)},
        CHALLENGER: {("v1", "true"): (0, 1, 1)},
    }

    assert [window.block for window in count(outcomes_of(record), 3)] == [block((3, 0), (4, 0)), block((1, 0), (1, 0))]


def test_versions_are_the_same_in_upper_and_lower_case_as_bentoml_writes_them_in_its_tags() -> None:
    record: Mapping[str, Outcomes] = {
        CHAMPION: {("v1", "true"): (5, 7), ("v2-rc1", "false"): (0, 3)},
        CHALLENGER: {("V1", "true"): (1, 2), ("v2-rc1", "true"): (0, 11)},
    }
    arms = replace(VERSIONED, champion_version="V1", challenger_version="V2-RC1")
    assert [window.block for window in count(outcomes_of(record), 2, arms)] == [block((3, 0), (14, 3))]


def test_the_pod_s_label_counts_where_the_target_has_one_of_the_same_name() -> None:
    record: Mapping[str, Outcomes] = {CHAMPION: {("v2", "true"): (0, 4)}, CHALLENGER: {("v1", "true"): (0, 1)}}

    series = outcomes_of(record, "exported_version", version="stable")

    assert [window.block for window in count(series, 2)] == [block((1, 0), (4, 0))]


def test_versions_of_the_same_name_cannot_be_told_apart() -> None:
    with pytest.raises(Unreadable, match="both Bentos of version v1, which the label version cannot tell apart"):
        of_versions([], "version", replace(VERSIONED, challenger_version="v1"))


def test_halves_of_one_version_are_told_apart_by_their_pods() -> None:
    halves = Arms.of_one_version("ml", ["c", "a", "b"], "v1")
    series = outcomes_of({CHAMPION: {("v1", "true"): (1,), ("v2", "true"): (1,)}})

    assert (halves.champion_pods, halves.challenger_pods) == ("a|c", "b")
    assert of_versions(series, "version", halves) == series[:1]


def test_counters_without_the_label_cannot_be_read() -> None:
    with pytest.raises(Unreadable, match="outcomes has no label release"):
        of_versions(outcomes_of({CHAMPION: {("v1", "true"): (1,)}}), "release", VERSIONED)


GROWTH = st.lists(st.integers(0, 5), min_size=3, max_size=3)


@given(st.dictionaries(st.tuples(st.sampled_from(PODS), st.sampled_from(["v1", "v2", "v3"])), GROWTH))
def test_every_outcome_of_a_version_is_counted_once(grown: Mapping[tuple[str, str], list[int]]) -> None:
    record: dict[str, dict[tuple[str, str], tuple[int, ...]]] = {}
    for (pod, version), growth in grown.items():
        record.setdefault(pod, {})[version, "true"] = (0, *(sum(growth[: index + 1]) for index in range(3)))

    windows = count(outcomes_of(record), 4)

    for index, window in enumerate(windows):
        for version, counted in (("v1", window.block.champion), ("v2", window.block.challenger)):
            assert counted.total == sum(grown.get((pod, version), [0] * 3)[index] for pod in PODS)
