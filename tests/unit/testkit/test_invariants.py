"""Each invariant names its violation in a recording, and nothing in one without."""

from collections.abc import Sequence

import pytest
from tests.unit.testkit.recorded import NEW, OLD, READY, ROLLOUT, deployment, pod, rollout, route, serving

from modelrollout_testkit.changes import Change, Object
from modelrollout_testkit.invariants import PATIENCE, violations

PROMOTED = [
    route(30, {OLD: 80, NEW: 20}, 2, 2),
    route(40, {OLD: 0, NEW: 100}, 3, 2),
    route(41, {OLD: 0, NEW: 100}, 3, 3),
    deployment(52, OLD, deleted=True),
    pod(53, OLD, deleted=True),
    rollout(500),
]


def stepped(at: float, step: int, challenger: str = NEW, attempt: int = 1) -> Change:
    status: Object = {"challenger": {"hash": challenger}, "rollout": {"step": step, "attempt": attempt}}
    return rollout(at, READY | status)


HARMLESS: dict[str, Sequence[Change]] = {
    "a promotion": PROMOTED,
    "pods that die, and traffic that leaves them in time": [
        route(30, {OLD: 80, NEW: 20}, 2, 2),
        pod(40, NEW, ready=False),
        route(40 + PATIENCE / 2, {OLD: 100, NEW: 0}, 3, 3),
        rollout(500),
    ],
    "no version has pods, so traffic stays where it is": [
        pod(30, OLD, ready=False),
        pod(30, NEW, ready=False),
        rollout(500, {**READY, "phase": "Stable"}),
    ],
    "a whole rollout that is deleted": [rollout(30, deleted=True), deployment(31, OLD, deleted=True)],
    "a pod that is told ready just after the route": [
        pod(30, NEW, ready=False),
        route(34, {OLD: 80, NEW: 20}, 2, 2),
        pod(35, NEW),
    ],
    "a challenger that never had traffic": [deployment(30, NEW, deleted=True)],
    "steps one by one, and again in another attempt": [stepped(30, 0), stepped(31, 1), stepped(32, 0, attempt=2)],
}

BROKEN: dict[str, tuple[str, Sequence[Change]]] = {
    "weight for a version without pods": (
        "weight_is_given_to_ready_pods",
        [pod(30, NEW, ready=False), route(60, {OLD: 80, NEW: 20}, 2, 2)],
    ),
    "a rollback to a champion without pods": (
        "weight_is_given_to_ready_pods",
        [route(30, {OLD: 80, NEW: 20}, 2, 2), pod(40, OLD, deleted=True), route(60, {OLD: 100, NEW: 0}, 3, 3)],
    ),
    "weight that stays with dead pods": (
        "traffic_leaves_what_has_no_ready_pods",
        [route(30, {OLD: 80, NEW: 20}, 2, 2), pod(40, NEW, ready=False), rollout(41 + PATIENCE, {**READY, "x": 1})],
    ),
    "pods that go before the gateway has accepted weight 0": (
        "pods_stay_until_traffic_is_gone",
        [
            route(30, {OLD: 80, NEW: 20}, 2, 2),
            route(40, {OLD: 100, NEW: 0}, 3, 2),
            deployment(100, NEW, deleted=True),
        ],
    ),
    "pods that go before the drain time is over": (
        "pods_stay_until_traffic_is_gone",
        [route(30, {OLD: 80, NEW: 20}, 2, 2), route(40, {OLD: 100, NEW: 0}, 3, 3), deployment(45, NEW, deleted=True)],
    ),
    "pods that are scaled away under traffic": (
        "pods_stay_until_traffic_is_gone",
        [route(30, {OLD: 80, NEW: 20}, 2, 2), deployment(60, NEW, replicas=0)],
    ),
    "weight for a version that does not exist": (
        "no_version_is_gone_while_it_has_weight",
        [pod(30, OLD, ready=False), pod(30, NEW, ready=False), route(50, {OLD: 80, "other": 20}, 2, 2), pod(60, OLD)],
    ),
    "weights that are no percentages": ("weights_add_up", [route(30, {OLD: 80, NEW: 30}, 2, 2)]),
    "a step that is left out": ("every_step_is_taken_once", [stepped(30, 0), stepped(31, 2)]),
    "a step that is taken back": ("every_step_is_taken_once", [stepped(30, 1), stepped(31, 0)]),
    "a status that does not say where it stands": ("it_says_why", [rollout(30, {"phase": "Ramping"})]),
}


@pytest.mark.parametrize("changes", HARMLESS.values(), ids=HARMLESS)
def test_what_is_as_it_must_be_breaks_nothing(changes: Sequence[Change]) -> None:
    assert violations([*serving(), *changes], ROLLOUT) == []


@pytest.mark.parametrize(("invariant", "changes"), BROKEN.values(), ids=BROKEN)
def test_what_must_not_be_breaks_one_invariant(invariant: str, changes: Sequence[Change]) -> None:
    found = violations([*serving(), *changes], ROLLOUT)
    assert {sentence.partition(":")[0] for sentence in found} == {invariant}


def test_what_was_wrong_before_is_not_told_again() -> None:
    changes = [*serving(), route(30, {OLD: 80, NEW: 30}, 2, 2)]
    assert violations(changes, ROLLOUT, since=30)
    assert violations(changes, ROLLOUT, since=31) == []
