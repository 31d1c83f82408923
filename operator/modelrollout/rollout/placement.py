"""Where pods and traffic should be, given the state of the rollout and the pods that are ready."""

from collections.abc import Iterator, Mapping

from modelrollout.api.shadow import Shadow
from modelrollout.api.status import RetiringVersion, Role, Status, Version
from modelrollout.rollout.capacity import FULL_WEIGHT, pods_needed, weight_affordable
from modelrollout.rollout.life import life_of, under_way
from modelrollout.rollout.observation import RouteObservation, VersionObservation
from modelrollout.rollout.plan import DesiredVersion, Placement
from modelrollout.rollout.shadow import copies, load_ahead
from modelrollout.rollout.stages.table import STAGES


def place(
    status: Status,
    replicas: int,
    observed: Mapping[str, VersionObservation],
    route: RouteObservation,
    shadow: Shadow | None = None,
) -> Placement:
    """The pods and the traffic that a status asks for. replicas: pods that carry all of the traffic."""
    return Placement(
        desired_versions(status, replicas, observed, route, shadow),
        desired_weights(status, replicas, observed),
        status.quarantine,
        copies(status, shadow),
    )


def desired_versions(
    status: Status,
    replicas: int,
    observed: Mapping[str, VersionObservation],
    route: RouteObservation | None = None,
    shadow: Shadow | None = None,
) -> tuple[DesiredVersion, ...]:
    """The versions that should exist and their pods.

    The champion keeps the pods for all of the traffic until the challenger has been promoted and watched. Any version
    has the pods for the traffic that it really gets: what is meant for it, what it gets in another's place, and what
    the gateways may still send to it. A retiring version keeps what it has until it is removed.

    route: as it is; None if nothing is to be kept for it.
    """
    weights = desired_weights(status, replicas, observed)

    def pods(version: Version, wanted: int) -> int:
        given = max(weights[version.hash], route.weights.get(version.hash, 0) if route else 0)
        current = observed.get(version.hash)
        unknown = current.desired if current and route and not route.settled else 0
        return max(wanted, pods_needed(replicas, given) if given else 0, unknown)

    return tuple(
        DesiredVersion(version, pods(version, wanted), role)
        for version, role, wanted in _present(status, replicas, observed, shadow)
    )


def desired_weights(status: Status, replicas: int, observed: Mapping[str, VersionObservation]) -> dict[str, int]:
    """Percent of the traffic by version hash; versions without a share have weight 0.

    The split never gives a version more than its ready pods can carry. If the version that has the rest has no ready
    pods another takes its place, if need be one that is about to be let go: a version that works serves, whatever the
    rollout had in mind.
    """
    weights = {version.hash: 0 for version, _, _ in _present(status, replicas, observed)}
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
    candidates += [retiring.hash for retiring in reversed(status.retiring)]
    weights[next((version for version in candidates if _ready(observed, version)), main)] += rest
    return weights


def _present(
    status: Status, replicas: int, observed: Mapping[str, VersionObservation], shadow: Shadow | None = None
) -> Iterator[tuple[Version, Role, int]]:
    """The versions that should exist, once each, with the pods that the state of the rollout asks for."""
    seen: set[str] = set()
    for version, role, wanted in _in_roles(status, replicas, shadow):
        current = observed.get(version.hash)
        if version.hash in seen or (isinstance(version, RetiringVersion) and current is None):
            continue
        seen.add(version.hash)
        yield version, role, current.desired if current and role is Role.RETIRING else wanted


def _in_roles(status: Status, replicas: int, shadow: Shadow | None) -> Iterator[tuple[Version, Role, int]]:
    if status.champion:
        yield status.champion, Role.CHAMPION, replicas
    if status.previous:
        yield status.previous, Role.PREVIOUS, replicas
    if rollout := under_way(status):
        yield rollout.challenger, Role.CHALLENGER, pods_needed(replicas, load_ahead(rollout, shadow))
    if status.baseline:
        yield status.baseline, Role.BASELINE, status.baseline.replicas
    for retiring in status.retiring:
        yield retiring, Role.RETIRING, 0


def _ready(observed: Mapping[str, VersionObservation], version_hash: str) -> int:
    observation = observed.get(version_hash)
    return observation.ready if observation else 0
