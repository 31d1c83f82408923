"""From the increases of the pods' counters to what each kind of gate compares."""

from collections.abc import Callable, Iterable

from modelrollout.evidence.counts import ArmCounts, Block
from modelrollout.metrics.series import Unreadable
from modelrollout.metrics.source import Arm
from modelrollout.metrics.windows import Increase, Increases
from modelrollout.rollout.measurements import Window

# Groups of counters of a gate on a proportion.
TOTAL, PART = "total", "part"

CountArm = Callable[[int, int], ArmCounts]
"""From the increase of a total and of its part to requests and bad requests."""


def proportions(windows: Iterable[Increases], count_arm: CountArm) -> tuple[Window, ...]:
    """The requests and bad requests of both arms, from groups TOTAL and PART.

    Raises Unreadable if a part grows more than its total.
    """

    def counted(window: Increases, arm: Arm) -> ArmCounts:
        return sum((_counts(pod, grown, count_arm) for pod, grown in window.pods[arm].items()), ArmCounts())

    return tuple(
        Window(window.index, Block(counted(window, Arm.CHAMPION), counted(window, Arm.CHALLENGER)))
        for window in windows
    )


def _counts(pod: str, grown: Increase, count_arm: CountArm) -> ArmCounts:
    total, part = grown.counts.get(TOTAL, 0), grown.counts.get(PART, 0)
    if part > total:
        raise Unreadable(f"counters of pod {pod} contradict each other: a part grew by {part}, the whole by {total}")
    return count_arm(total, part)
