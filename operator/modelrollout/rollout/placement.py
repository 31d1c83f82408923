"""Where pods and traffic should be, given the state of the rollout and the pods that are ready."""

from collections.abc import Mapping
from math import ceil

from modelrollout.api.status import Status
from modelrollout.rollout.observation import VersionObservation
from modelrollout.rollout.plan import DesiredVersion

FULL_WEIGHT = 100


def pods_needed(replicas: int, weight: int) -> int:
    """Pods that carry `weight` percent of the traffic, when `replicas` pods carry all of it. At least one."""
    return max(1, ceil(replicas * weight / FULL_WEIGHT))


def weight_affordable(replicas: int, ready: int) -> int:
    """The largest weight in percent that `ready` pods can carry, when `replicas` pods carry all of the traffic."""
    return min(FULL_WEIGHT, FULL_WEIGHT * ready // replicas)


def desired_versions(
    status: Status, replicas: int, observed: Mapping[str, VersionObservation]
) -> tuple[DesiredVersion, ...]:
    """The versions that should exist and their pods.

    The champion keeps the pods for all of the traffic until the challenger has been promoted and watched. A retiring
    version keeps what it has until it is removed.
    """
    desired: dict[str, DesiredVersion] = {}
    if status.champion:
        desired[status.champion.hash] = DesiredVersion(status.champion, replicas)
    if status.previous:
        desired[status.previous.hash] = DesiredVersion(status.previous, replicas)
    if status.challenger and status.rollout:
        desired[status.challenger.hash] = DesiredVersion(
            status.challenger, pods_needed(replicas, status.rollout.target_weight)
        )
    if status.baseline:
        desired[status.baseline.hash] = DesiredVersion(status.baseline, status.baseline.replicas)
    for retiring in status.retiring:
        current = observed.get(retiring.hash)
        if current and retiring.hash not in desired:
            desired[retiring.hash] = DesiredVersion(retiring, current.desired)
    return tuple(desired.values())


def desired_weights(status: Status, replicas: int, observed: Mapping[str, VersionObservation]) -> dict[str, int]:
    """Percent of the traffic by version hash; versions without a share have weight 0.

    The split never gives a version more than its ready pods can carry. If the version that has the rest has no ready
    pods another takes its place: a version that works serves, whatever the rollout had in mind.
    """
    weights = {version.version.hash: 0 for version in desired_versions(status, replicas, observed)}
    if status.champion is None:
        return weights
    main, other, intended = _split(status)
    rest, candidates = FULL_WEIGHT, [main]
    if other is not None:
        weights[other] = min(intended, weight_affordable(replicas, _ready(observed, other)))
        rest -= weights[other]
        candidates.append(other)
    if baseline := status.baseline:
        affordable = baseline.weight * _ready(observed, baseline.hash) // baseline.replicas
        weights[baseline.hash] = min(affordable, baseline.weight, rest) if _is_compared(status) else 0
        rest -= weights[baseline.hash]
        candidates.append(baseline.hash)
    weights[next((version for version in candidates if _ready(observed, version)), main)] += rest
    return weights


def _split(status: Status) -> tuple[str, str | None, int]:
    """The version that has the rest of the traffic, the one that has an intended share, and that share in percent."""
    assert status.champion is not None
    if status.challenger and status.rollout:
        intended = status.rollout.target_weight if status.rollout.ramping_since else 0
        return status.champion.hash, status.challenger.hash, intended
    if status.previous and status.watch:
        return status.champion.hash, status.previous.hash, status.watch.hold_back_percent
    return status.champion.hash, None, 0


def _is_compared(status: Status) -> bool:
    return status.watch is not None or bool(status.rollout and status.rollout.ramping_since)


def _ready(observed: Mapping[str, VersionObservation], version_hash: str) -> int:
    observation = observed.get(version_hash)
    return observation.ready if observation else 0
