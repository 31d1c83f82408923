"""What the statuses of pods tell the gates that need no source of metrics."""

from collections.abc import Mapping, Sequence

from modelrollout.api.gates import Gate
from modelrollout.rollout.comparison import Comparison
from modelrollout.rollout.draft import Draft
from modelrollout.rollout.judging import Assessment
from modelrollout.rollout.measurements import Datum, RestartCount
from modelrollout.rollout.observation import Observation, VersionObservation


def seen_at_pods(
    gates: Sequence[Gate], observation: Observation, comparison: Comparison, weights: tuple[int, int], window: int
) -> Mapping[str, Datum]:
    """What each such gate, by name, counts at this look; nothing while one of the versions has no Deployment.

    weights: of what the challenger is compared with and of the challenger, in percent, as the gateways have them.
    window: index of the present scrape window.
    """
    champion = observation.versions.get(comparison.champion.hash)
    challenger = observation.versions.get(comparison.challenger.hash)
    names = [gate.name for gate in gates if gate.kind.seen_at_pods]
    if champion is None or challenger is None:
        return {}
    share = _largest_share(champion, challenger, weights)
    count = RestartCount(window, champion.restarts, challenger.restarts, share, challenger.last_exit)
    return dict.fromkeys(names, count)


def announce_restarts(draft: Draft, assessment: Assessment, comparison: Comparison) -> None:
    """Tell of restarts of the challenger's containers that were not told yet."""
    told = {gate.name: _restarts(gate.state) for gate in draft.status.gates}
    kinds = {gate.name for gate in draft.spec.judged_gates if gate.kind.seen_at_pods}
    for gate in assessment.gates:
        if gate.name in kinds and _restarts(gate.state) > told.get(gate.name, 0):
            draft.announce("ContainersRestarted", f"{comparison.challenger.bento}: {gate.message}", warning=True)


def _restarts(state: Mapping[str, object] | None) -> int:
    count = state.get("challenger", 0) if state else 0
    return count if isinstance(count, int) else 0


def _largest_share(champion: VersionObservation, challenger: VersionObservation, weights: tuple[int, int]) -> float:
    """Crashes come with time or with requests, so the challenger's part of either may be its part of them."""
    # A pod that just crashed is not ready and counts all the same.
    pods = max(challenger.desired, challenger.ready)
    by_pods = pods / (pods + champion.ready) if pods + champion.ready else 1.0
    by_traffic = weights[1] / sum(weights) if sum(weights) else 1.0
    return max(by_pods, by_traffic)
