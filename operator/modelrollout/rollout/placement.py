"""Where pods and traffic should be, given the state of the rollout and the pods that are ready."""

from collections.abc import Mapping

from modelrollout.api.status import Status
from modelrollout.rollout.capacity import FULL_WEIGHT, pods_needed, weight_affordable
from modelrollout.rollout.life import life_of
from modelrollout.rollout.observation import VersionObservation
from modelrollout.rollout.plan import DesiredVersion
from modelrollout.rollout.stages.table import STAGES


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
    life = life_of(status)
    if life is None:
        return weights
    rules, main = STAGES[life.stage], life.champion.hash
    rest, candidates = FULL_WEIGHT, [main]
    if life.other is not None:
        other, intended = life.other.hash, life.other_weight if rules.splits_traffic else 0
        weights[other] = min(intended, weight_affordable(replicas, _ready(observed, other)))
        rest -= weights[other]
        candidates.append(other)
    if baseline := status.baseline:
        affordable = baseline.weight * _ready(observed, baseline.hash) // baseline.replicas
        weights[baseline.hash] = min(affordable, baseline.weight, rest) if rules.counts_evidence else 0
        rest -= weights[baseline.hash]
        candidates.append(baseline.hash)
    weights[next((version for version in candidates if _ready(observed, version)), main)] += rest
    return weights


def _ready(observed: Mapping[str, VersionObservation], version_hash: str) -> int:
    observation = observed.get(version_hash)
    return observation.ready if observation else 0
