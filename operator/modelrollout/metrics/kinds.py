"""From the increases of the pods' counters to what each kind of gate compares."""

from collections.abc import Callable, Iterable, Sequence
from math import fsum

from modelrollout.evidence.counts import ArmCounts, Block
from modelrollout.evidence.mean import ArmSum
from modelrollout.metrics.counting.increases import Increase, Increases
from modelrollout.metrics.counting.series import Unreadable
from modelrollout.metrics.source import Arm
from modelrollout.rollout.measurements import BucketWindow, SumWindow, Window

# Groups of counters: of a proportion, and of a mean.
TOTAL, PART, REFUSED = "total", "part", "refused"
COUNT, SUM = "count", "sum"

CountArm = Callable[[int, int], ArmCounts]
"""From the increase of a total and of its part to requests and bad requests."""


def proportions(windows: Iterable[Increases], count_arm: CountArm, part: str = PART) -> tuple[Window, ...]:
    """The requests and bad requests of both arms, from groups TOTAL and `part`.

    Raises Unreadable if a part grows more than its total.
    """

    def counted(window: Increases, arm: Arm) -> ArmCounts:
        return sum((_counts(pod, grown, count_arm, part) for pod, grown in window.pods[arm].items()), ArmCounts())

    return tuple(
        Window(
            window.index,
            Block(counted(window, Arm.CHAMPION), counted(window, Arm.CHALLENGER)),
            pods=(len(window.pods[Arm.CHAMPION]), len(window.pods[Arm.CHALLENGER])),
        )
        for window in windows
    )


def by_pod(windows: Iterable[Increases], count_arm: CountArm) -> tuple[ArmCounts, ...]:
    """What each pod counted in all of the windows, whichever its arm, from the same groups."""
    pods: dict[str, ArmCounts] = {}
    for window in windows:
        for of_arm in window.pods.values():
            for pod, grown in of_arm.items():
                pods[pod] = pods.get(pod, ArmCounts()) + _counts(pod, grown, count_arm, PART)
    return tuple(pods[pod] for pod in sorted(pods))


def means(windows: Iterable[Increases]) -> tuple[SumWindow, ...]:
    """What both arms summed up and over how many requests, from groups SUM (of the sums) and COUNT."""

    def summed(window: Increases, arm: Arm) -> ArmSum:
        pods = window.pods[arm].values()
        # Exact up to the last rounding, so that the order of the pods does not matter.
        total = fsum(grown.sums.get(SUM, 0.0) for grown in pods)
        return ArmSum(sum(grown.counts.get(COUNT, 0) for grown in pods), total)

    return tuple(
        SumWindow(window.index, summed(window, Arm.CHAMPION), summed(window, Arm.CHALLENGER)) for window in windows
    )


def distributions(windows: Iterable[Increases], buckets: Sequence[str]) -> tuple[BucketWindow, ...]:
    """The requests of both arms by bucket. buckets: the groups that count them, in their order."""

    def counted(window: Increases, arm: Arm) -> tuple[int, ...]:
        pods = window.pods[arm].values()
        return tuple(sum(grown.counts.get(bucket, 0) for grown in pods) for bucket in buckets)

    return tuple(
        BucketWindow(window.index, counted(window, Arm.CHAMPION), counted(window, Arm.CHALLENGER)) for window in windows
    )


def _counts(pod: str, grown: Increase, count_arm: CountArm, group: str) -> ArmCounts:
    total, part = grown.counts.get(TOTAL, 0), grown.counts.get(group, 0)
    if part > total:
        raise Unreadable(f"counters of pod {pod} contradict each other: a part grew by {part}, the whole by {total}")
    return count_arm(total, part)
