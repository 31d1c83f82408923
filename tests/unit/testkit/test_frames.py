"""What a recording says of traffic and pods at each moment."""

import pytest
from tests.unit.testkit.recorded import NEW, OLD, ROLLOUT, deployment, pod, rollout, route, serving

from modelrollout_testkit.changes import Change
from modelrollout_testkit.frames import Frame, frames, seconds


def last(*changes: Change) -> Frame:
    return list(frames(changes, ROLLOUT))[-1]


def test_what_two_watches_tell_is_put_in_the_order_in_which_it_happened() -> None:
    recording = list(frames(reversed(serving()), ROLLOUT))
    assert [frame.at for frame in recording] == [0, 1, 5, 10, 11, 20, 25]
    assert recording[-1].ready == {OLD: 1, NEW: 1}


def test_weights_are_accepted_once_the_gateway_answers_for_their_generation() -> None:
    written = last(*serving(), route(30, {OLD: 80, NEW: 20}, 2, 1))
    assert (written.weights, written.accepted) == ({OLD: 80, NEW: 20}, {OLD: 100})
    accepted = last(*serving(), route(30, {OLD: 80, NEW: 20}, 2, 1), route(31, {OLD: 80, NEW: 20}, 2, 2))
    assert accepted.accepted == {OLD: 80, NEW: 20}


def test_a_version_has_as_many_ready_pods_as_are_ready_and_stay() -> None:
    assert last(*serving(), pod(30, OLD, number=2)).ready == {OLD: 2, NEW: 1}
    assert last(*serving(), pod(30, NEW, ready=False)).ready == {OLD: 1}
    assert last(*serving(), pod(30, NEW, deleted=True)).ready == {OLD: 1}


def test_a_deployment_that_is_deleted_is_gone_and_so_is_a_rollout() -> None:
    assert last(*serving(), deployment(30, NEW, deleted=True)).deployments == {OLD: 1}
    gone = last(*serving(), rollout(30, deleted=True))
    assert (gone.drain, gone.status) == (None, {})


def test_what_belongs_to_another_rollout_does_not_count() -> None:
    assert list(frames(serving(), "another")) == []


@pytest.mark.parametrize(("text", "length"), [("10s", 10), ("1m30s", 90), ("500ms", 0.5), ("2h", 7200), ("1d", 86400)])
def test_durations_are_read_as_the_api_writes_them(text: str, length: float) -> None:
    assert seconds(text) == length
