"""What holds on a real cluster whatever happens: each invariant of docs/architecture.md over a recording.

Watches of several kinds have no common order, and a pod that dies takes its readiness along before anybody can react:
what was seen within `SKEW` seconds counts as seen at once, and a fault from outside may last `PATIENCE` seconds.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from modelrollout_testkit.changes import Change
from modelrollout_testkit.frames import Frame, frames

SKEW = 3.0
PATIENCE = 45.0


@dataclass(frozen=True, slots=True)
class Violation:
    """What is wrong, for a person, from `at` (seconds since the epoch) on."""

    at: float
    what: str


Invariant = Callable[[Sequence[Frame]], Iterator[Violation]]


def weight_is_given_to_ready_pods(recording: Sequence[Frame]) -> Iterator[Violation]:
    """No route is written that gives more traffic to a version without ready pods while another has some."""
    for before, after in pairwise(recording):
        for version, weight in after.weights.items():
            if weight > before.weights.get(version, 0) and not _ready_around(recording, after.at, version):
                others = [other for other in after.ready if _ready_around(recording, after.at, other)]
                if others:
                    yield Violation(after.at, f"{version} was given weight {weight} without a ready pod; {others} had")


def traffic_leaves_what_has_no_ready_pods(recording: Sequence[Frame]) -> Iterator[Violation]:
    """A version whose pods are gone keeps no weight while another has ready ones."""
    for version in _versions(recording):
        since: float | None = None
        for frame in recording:
            stranded = frame.weights.get(version, 0) and not frame.ready.get(version) and any(frame.ready.values())
            if since is not None and frame.at - since > PATIENCE:
                yield Violation(since, f"{version} kept weight for {frame.at - since:.0f} s without a ready pod")
                since = frame.at if stranded else None
            since = (since if since is not None else frame.at) if stranded else None


def pods_stay_until_traffic_is_gone(recording: Sequence[Frame]) -> Iterator[Violation]:
    """A Deployment is removed, or left without pods, only once weight 0 was accepted for the drain time."""
    for index, (before, after) in enumerate(pairwise(recording)):
        for version in before.deployments:
            lost = not after.deployments.get(version) and before.deployments[version]
            if not lost or after.drain is None or _is_whole_rollout_going(recording, after.at):
                continue
            quiet = _accepted_without(recording[: index + 1], version)
            if quiet is not None and after.at - quiet < after.drain - SKEW:
                had = after.at - quiet
                yield Violation(
                    after.at, f"the pods of {version} went {had:.0f} s after its weight, not {after.drain:.0f}"
                )
            elif quiet is None and any(frame.accepted.get(version) for frame in recording[: index + 1]):
                yield Violation(after.at, f"the pods of {version} went while a gateway sent traffic to them")


def no_version_is_gone_while_it_has_weight(recording: Sequence[Frame]) -> Iterator[Violation]:
    """A version in the route has a Deployment."""
    for frame, following in pairwise(recording):
        missing = {version for version, weight in frame.weights.items() if weight} - frame.deployments.keys()
        if missing and frame.drain is not None and following.at - frame.at > SKEW:
            yield Violation(frame.at, f"the route gives weight to {sorted(missing)}, which have no Deployment")


def weights_add_up(recording: Sequence[Frame]) -> Iterator[Violation]:
    """The weights of a route are percentages."""
    for before, frame in pairwise(recording):
        if frame.weights and frame.weights != before.weights and sum(frame.weights.values()) != 100:
            yield Violation(frame.at, f"the route was written with weights {dict(frame.weights)}")


def every_step_is_taken_once(recording: Sequence[Frame]) -> Iterator[Violation]:
    """The steps of one attempt of a challenger follow each other one by one."""
    for before, after in pairwise(recording):
        here, there = before.status.get("rollout") or {}, after.status.get("rollout") or {}
        same = before.status.get("challenger") == after.status.get("challenger") is not None
        if not (same and here and there) or here.get("attempt") != there.get("attempt"):
            continue
        if there.get("step", 0) not in (here.get("step", 0), here.get("step", 0) + 1):
            yield Violation(after.at, f"step {here.get('step', 0)} was followed by {there.get('step', 0)}")


def it_says_why(recording: Sequence[Frame]) -> Iterator[Violation]:
    """A status has a Ready condition with a reason and a message."""
    for frame in recording:
        conditions = frame.status.get("conditions", ())
        ready = [found for found in conditions if found["type"] == "Ready"]
        if frame.status and not (ready and ready[0]["reason"] and ready[0]["message"]):
            yield Violation(frame.at, "no Ready condition says where the rollout stands")


INVARIANTS: tuple[Invariant, ...] = (
    weight_is_given_to_ready_pods,
    traffic_leaves_what_has_no_ready_pods,
    pods_stay_until_traffic_is_gone,
    no_version_is_gone_while_it_has_weight,
    weights_add_up,
    every_step_is_taken_once,
    it_says_why,
)


def violations(changes: Iterable[Change], rollout: str, since: float = 0) -> list[str]:
    """What was not as it must be from `since` (seconds since the epoch) on, in sentences; [] if nothing."""
    recording = list(frames(changes, rollout))
    return [
        f"{invariant.__name__}: {found.what}"
        for invariant in INVARIANTS
        for found in invariant(recording)
        if found.at >= since
    ]


def _versions(recording: Sequence[Frame]) -> set[str]:
    return {version for frame in recording for version in frame.weights}


def _ready_around(recording: Sequence[Frame], at: float, version: str) -> bool:
    """Whether a version had a ready pod within the skew of a moment."""
    for frame, following in pairwise([*recording, Frame(float("inf"))]):
        if frame.at <= at + SKEW and following.at >= at - SKEW and frame.ready.get(version):
            return True
    return False


def _is_whole_rollout_going(recording: Sequence[Frame], at: float) -> bool:
    """Whether the ModelRollout itself is deleted within the skew of a moment."""
    return any(frame.drain is None for frame in recording if at - SKEW <= frame.at <= at + SKEW)


def _accepted_without(recording: Sequence[Frame], version: str) -> float | None:
    """Since when the accepted route has sent a version nothing; None if it still does, or was never heard of."""
    since: float | None = None
    for frame in recording:
        if frame.accepted.get(version):
            since = None
        elif since is None and frame.accepted:
            since = frame.at
    return since
