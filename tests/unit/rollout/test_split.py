"""The traffic has to follow the weights for a comparison to mean anything."""

from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.rollout.world import World, spec

from modelrollout.api.evidence import EvidenceCheckpoint, TrafficSplit
from modelrollout.api.gates import Gate
from modelrollout.api.status import Status
from modelrollout.evidence.counts import ArmCounts, Block
from modelrollout.rollout.measurements import Counted, Window
from modelrollout.rollout.observation import Observation
from modelrollout.rollout.split import follow_split, mismatch, windows_of_requests

BEGUN = 100


def begun(champion: int = 90, challenger: int = 10) -> TrafficSplit:
    split = follow_split(None, (champion, challenger), (), present_window=BEGUN)
    assert split is not None
    return split


def window(index: int, champion: int, challenger: int) -> Window:
    return Window(index, Block(ArmCounts(champion), ArmCounts(challenger)))


def is_mismatch(split: TrafficSplit | None) -> bool:
    checkpoint = EvidenceCheckpoint(window=0, at="2026-11-24T12:00:00Z", split=split)
    return mismatch(Status(evidence=checkpoint)) != ""


def after(split: TrafficSplit, *windows: Window) -> TrafficSplit:
    followed = follow_split(split, (split.champion_weight, split.challenger_weight), windows, present_window=0)
    assert followed is not None
    return followed


@given(st.integers(0, 2**32), st.sampled_from([1, 5, 10, 50, 95]))
def test_a_random_split_by_the_weights_is_as_weighted(seed: int, weight: int) -> None:
    dice = Random(seed)
    split = begun(100 - weight, weight)
    for index in range(BEGUN, BEGUN + 60):
        challenger = sum(dice.random() < weight / 100 for _ in range(50))
        split = after(split, window(index, 50 - challenger, challenger))
    assert not is_mismatch(split)


@pytest.mark.parametrize(("champion", "challenger"), [(100, 0), (95, 5), (80, 20), (0, 100)])
def test_another_split_is_found_out(champion: int, challenger: int) -> None:
    windows = [window(index, champion, challenger) for index in range(BEGUN, BEGUN + 30)]
    assert is_mismatch(after(begun(), *windows))


def test_a_split_put_right_is_believed_again_without_a_change_of_the_weights() -> None:
    wrong = after(begun(), *(window(index, 0, 100) for index in range(BEGUN, BEGUN + 500)))
    assert is_mismatch(wrong)
    assert not is_mismatch(after(wrong, *(window(index, 900, 100) for index in range(BEGUN + 500, BEGUN + 530))))


def test_windows_in_which_the_weights_take_effect_and_the_first_thereafter_do_not_count() -> None:
    split = begun()
    first = split.from_window
    assert first > BEGUN
    windows = [window(index, 0, 1000) for index in range(BEGUN, first + 1)]
    assert after(split, *windows).requests == 0
    assert after(split, *windows, window(first + 1, 90, 10)).requests == 100


def test_new_weights_begin_anew_and_without_a_split_there_is_nothing_to_follow() -> None:
    counted = after(begun(), *(window(index, 90, 10) for index in range(BEGUN, BEGUN + 9)))
    assert follow_split(counted, (50, 50), (), present_window=200) == begun(50, 50).model_copy(
        update={"from_window": begun().from_window + 100}
    )
    assert follow_split(counted, (0, 0), (), present_window=200) is None
    assert follow_split(counted, (100, 0), (), present_window=200) is None


@given(st.lists(st.tuples(st.integers(0, 200), st.integers(0, 50)), max_size=20), st.integers(0, 20))
def test_it_does_not_matter_in_how_many_looks_the_windows_are_counted(
    requests: list[tuple[int, int]], cut: int
) -> None:
    windows = [window(BEGUN + index, *counts) for index, counts in enumerate(requests)]
    assert after(after(begun(), *windows[:cut]), *windows[cut:]) == after(begun(), *windows)


def rolling_out(deadline: str = "1h", **misrouted: float) -> World:
    world = World()
    world.run(30)
    world.misrouted = {f"churn:{version}": percent for version, percent in misrouted.items()}
    steps = [{"weight": 10, "hold": "60s"}, {"weight": 50, "hold": "60s"}]
    ends = {"holdBack": {"for": "60s"}, "deadline": {"after": deadline, "action": "Rollback"}}
    world.apply(spec("churn:v2", strategy={"steps": steps, **ends}))
    return world


@pytest.mark.parametrize(
    ("gates", "counted"),
    [
        ([{"latency": {"threshold": "1s"}}, {"errorRate": {}}], 0),
        ([{"latency": {"threshold": "1s", "warmUp": "1m"}}, {"errorRate": {}}], 1),
        ([{"share": {"total": "a", "bad": "b"}}, {"latency": {"threshold": "1s", "warmUp": "1m"}}], None),
    ],
)
def test_only_a_gate_that_counts_every_request_tells_how_the_traffic_is_split(
    gates: list[dict[str, Any]], counted: int | None
) -> None:
    parsed = [Gate.model_validate({"name": str(index), **kind}) for index, kind in enumerate(gates)]
    windows = [window(index, 1, 1) for index in range(len(parsed))]
    measured = {gate.name: Counted((windows[index],), through=9) for index, gate in enumerate(parsed)}

    found = windows_of_requests(parsed, Observation(measurements=measured), through=9)

    assert list(found) == ([] if counted is None else [windows[counted]])


def test_a_rollout_whose_traffic_does_not_follow_the_weights_is_held_and_not_rolled_back() -> None:
    world = rolling_out(v2=3.0, v1=97.0).run(400)
    assert (world.reason("Ready"), world.condition("Progressing")) == ("SampleRatioMismatch", "False")
    assert world.share("churn:v2") == 10
    assert (world.condition("TrafficAsWeighted"), world.reason("TrafficAsWeighted")) == ("False", "SampleRatioMismatch")
    assert "3 % went to the challenger, where the weights say 10 %" in world.status.verdict
    world.misrouted = {}
    world.run(800)
    assert world.share("churn:v2") == 100


def test_no_deadline_rolls_back_while_the_traffic_does_not_follow_the_weights() -> None:
    world = rolling_out(deadline="180s", v2=3.0, v1=97.0).run(400)
    assert (world.share("churn:v2"), world.reason("Stalled")) == (10, "DeadlineExceeded")
    assert world.status.quarantine == ()


def test_traffic_that_follows_the_weights_is_said_to() -> None:
    world = rolling_out().run(60)
    assert world.condition("TrafficAsWeighted") == "True"
    world.run(600)
    assert (world.share("churn:v2"), world.condition("TrafficAsWeighted")) == (100, "Unknown")


def test_a_bad_challenger_is_rolled_back_even_if_the_traffic_does_not_follow_the_weights() -> None:
    world = rolling_out(v2=3.0, v1=97.0)
    world.error_rates["churn:v2"] = 0.5
    world.run(400)
    assert [entry.reason for entry in world.status.quarantine] == ["GateFailed"]


def test_the_share_of_the_challenger_is_looked_at_beside_the_baseline_that_it_is_compared_with() -> None:
    world = World()
    world.run(30)
    service = {"bento": "majority:v1", "image": "registry.example/majority:v1"}
    world.apply(spec("churn:v2", baseline={"service": service}))
    world.run(60)
    assert world.condition("TrafficAsWeighted") == "True"
