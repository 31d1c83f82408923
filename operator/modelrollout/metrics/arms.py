"""The pods of a comparison, as a source of metrics is asked for them."""

from modelrollout.api.baseline import Baseline
from modelrollout.api.identity import bento_version, pod_pattern, workload_name
from modelrollout.metrics.source import Arms
from modelrollout.rollout.comparison import Comparison


def arms_for(namespace: str, rollout: str, comparison: Comparison, baseline: Baseline) -> Arms:
    """The pods of both sides of a comparison.

    rollout: name of the ModelRollout. baseline: of its spec, which says what is compared with fixed figures.
    """
    return Arms(
        namespace=namespace,
        champion_pods=pod_pattern(rollout, comparison.champion.hash),
        challenger_pods=pod_pattern(rollout, comparison.challenger.hash),
        reference=comparison.role,
        alone=frozenset(baseline.figures),
        champion_version=bento_version(comparison.champion.bento),
        challenger_version=bento_version(comparison.challenger.bento),
        champion_service=workload_name(rollout, comparison.champion.hash),
        challenger_service=workload_name(rollout, comparison.challenger.hash),
        rollout=rollout,
        other_pods=pod_pattern(rollout, comparison.bystander.hash) if comparison.bystander else "",
    )
