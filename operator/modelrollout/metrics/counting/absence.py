"""Why there is nothing to count, for a person."""

from collections.abc import Mapping, Sequence

from modelrollout.metrics.bentoml import PREFIX
from modelrollout.metrics.counting.continuity import Contradiction
from modelrollout.metrics.counting.scrapes import Target
from modelrollout.metrics.source import Arm, Arms

_MOST_LISTED = 3


def explain_unscraped(arm: Arm, arms: Arms, targets: Sequence[Target], since: int) -> str:
    """Why no pod of an arm was scraped since `since` (ms)."""
    pods = _pods(arm, arms)
    of_arm = [target for target in targets if arms.arm_of(target.pod) is arm]
    failing = sum(any(time > since for time in target.failed) for target in of_arm)
    if failing:
        return (
            f"Prometheus fails to scrape the {pods} (up is 0 for {failing} of {len(of_arm)} targets): its page of "
            "targets tells why"
        )
    if of_arm:
        return f"the {pods} are no longer scraped: are they gone, or is their monitor?"
    return f"no scrapes of {pods}: are they monitored (annotations or a PodMonitor), with the labels namespace and pod?"


def explain_partly_scraped(arms: Arms, targets: Sequence[Target], since: int) -> str:
    """Which pods of an arm were not scraped since `since` (ms) while others of it were; empty if there are none.

    Pods that must have been scraped are those that serve; where that is not known, those whose scrapes fail.
    """
    scraped = {target.pod for target in targets if any(time > since for time in target.succeeded)}
    failing = {target.pod for target in targets if any(time > since for time in target.failed)}
    reasons = []
    for arm in arms.present:
        expected = {pod for pod in (arms.serving or failing) | scraped if arms.arm_of(pod) is arm}
        if missing := sorted(expected - scraped) if expected & scraped else []:
            reasons.append(
                f"{len(missing)} of {len(expected)} {arms.name(arm)} pods {_are(missing)} not scraped "
                f"({_listed(missing)}): Prometheus' page of targets tells why"
            )
    return "; ".join(reasons)


def explain_doubted(doubted: Mapping[str, Contradiction], arms: Arms) -> str:
    """Why pods are left out whose counters contradict each other; empty if there are none."""
    pods = sorted(pod for pod in doubted if arms.arm_of(pod))
    if not pods:
        return ""
    fall = doubted[pods[0]]
    return (
        f"{_listed(pods)} {_are(pods)} not counted: counters went from {fall.before} to {fall.after}, which no restart "
        "explains (several workers behind one /metrics, a proxy before it, or lost samples)"
    )


def explain_unexposed(arm: Arm, arms: Arms, family: str) -> str:
    """What it means that the pods of an arm are scraped but have nothing of a metric family."""
    hint = (
        "is it the BentoML port that is scraped, and are its metrics enabled?"
        if family.startswith(PREFIX)
        else "is its name right, and has a pod counted anything yet?"
    )
    return f"the {_pods(arm, arms)} are scraped but expose no {family}: {hint}"


def explain_uncountable(arm: Arm, arms: Arms, family: str) -> str:
    """What it means that an arm is scraped and exposes a metric family, but never a count."""
    return f"{family} of the {_pods(arm, arms)} holds no counts (NaN, infinite or negative)"


def explain_unmatched(what: str, pattern: str) -> str:
    """What it means that no series matches a pattern of the gate: that it is misspelt, or that there was no such."""
    return f"no answer so far had {what} that matches {pattern}"


def explain_warm_up(arm: Arm, arms: Arms, seconds: float) -> str:
    """Why an arm counts nothing though its pods answer."""
    return f"no {arms.name(arm)} pod is warm yet: each is counted from {seconds:g} s after its first request on"


def _are(pods: Sequence[str]) -> str:
    return "is" if len(pods) == 1 else "are"


def _listed(pods: Sequence[str]) -> str:
    return ", ".join(pods[:_MOST_LISTED]) + (", ..." if len(pods) > _MOST_LISTED else "")


def _pods(arm: Arm, arms: Arms) -> str:
    return f"{arms.name(arm)} pods {arms.pods(arm)} in namespace {arms.namespace}"
