"""Whether the counters of a pod are those of one process, which now and then starts anew.

A counter that fell is commonly taken for a restart (PromQL's `resets`, `rate`). But counters also fall where several
workers with registries of their own answer /metrics in turn, where a proxy answers from its memory, or where a sample
was lost. What they seem to have counted since is no evidence: it was counted before. So a fall is only taken for a
restart if it looks like one, and a pod whose counters contradict that is left out until they have not for long.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from modelrollout.metrics.counting.increases import Increase, Increases, Levels
from modelrollout.metrics.windows import Span

# After a restart a pod has counted little of what it had before: at most one part in so many.
_RESTART_LEAVES = 4

# More restarts than that in so many windows are none: the kubelet waits longer and longer between them.
_MOST_RESTARTS = 4
_RESTART_WINDOWS = 10

# A pod whose counters contradict each other is left out for so many windows.
_DOUBTED_WINDOWS = 30

DEPTH = _DOUBTED_WINDOWS + _RESTART_WINDOWS
"""So many windows before those that are counted tell whether a pod is to be left out."""


@dataclass(frozen=True, slots=True)
class Contradiction:
    """In scrape window `index` counters of a pod went from `before` to `after`, which no process' counters do."""

    index: int
    before: int
    after: int


@dataclass(frozen=True, slots=True)
class Continuity:
    """What is remembered of one pod: what it had counted before its last restarts, and the last contradiction."""

    restarts: tuple[tuple[int, Levels], ...] = ()
    contradiction: Contradiction | None = None

    def after(self, index: int, increase: Increase) -> "Continuity":
        """After one more window."""
        before, now = increase.before, increase.after
        restarts = tuple((when, levels) for when, levels in self.restarts if index - when <= _RESTART_WINDOWS)
        if increase.started_anew:
            restarts = (*restarts, (index, before))
            sound = _is_like_a_restart(before, now) and len(restarts) <= _MOST_RESTARTS
        else:
            sound = not any(_came_back(levels, before, now) for _, levels in restarts)
        if sound:
            return replace(self, restarts=restarts)
        return Continuity(restarts, Contradiction(index, sum(before.values()), _still(before, now)))

    def is_doubted(self, index: int) -> bool:
        """Whether the pod is left out of a window."""
        return self.contradiction is not None and index - self.contradiction.index <= _DOUBTED_WINDOWS


_SOUND = Continuity()


@dataclass(slots=True)
class Followed:
    """What is remembered of the pods whose counters were followed, up to window `through`."""

    through: int | None = None
    pods: dict[str, Continuity] = field(default_factory=dict)

    def trusted(
        self, windows: Iterable[Increases], span: Span, all_: Iterable[Increases] | None = None
    ) -> Iterator[Increases]:
        """The windows of the span without the pods that are doubted in them.

        windows: from `DEPTH` before the span on, or from where these pods were followed to, in order.
        all_: the same with all pods, if some of them are not among `windows` at some times.
        """
        wanted = None if all_ is None else {window.index: window for window in windows}
        for window in windows if all_ is None else all_:
            if self.through is None or window.index > self.through:
                self._follow(window)
            counted = window if wanted is None else wanted.get(window.index)
            if counted and span.after < window.index <= span.through:
                yield self._without_doubted(counted)
        self.through = max(span.through, self.through or span.through)

    def _without_doubted(self, window: Increases) -> Increases:
        return Increases(
            window.index,
            {
                arm: {pod: grown for pod, grown in pods.items() if not self._is_doubted(pod, window.index)}
                for arm, pods in window.pods.items()
            },
        )

    def doubted(self, index: int) -> Mapping[str, Contradiction]:
        """The pods that are left out of a window, and why."""
        return {
            pod: continuity.contradiction
            for pod, continuity in self.pods.items()
            if continuity.contradiction and continuity.is_doubted(index)
        }

    def copy(self) -> "Followed":
        """One that goes its own way."""
        return Followed(self.through, dict(self.pods))

    def _follow(self, window: Increases) -> None:
        for pods in window.pods.values():
            for pod, grown in pods.items():
                continuity = self.pods.pop(pod, _SOUND).after(window.index, grown)
                if continuity != _SOUND:
                    self.pods[pod] = continuity

    def _is_doubted(self, pod: str, index: int) -> bool:
        return self.pods.get(pod, _SOUND).is_doubted(index)


def _is_like_a_restart(before: Levels, now: Levels) -> bool:
    return _RESTART_LEAVES * _still(before, now) <= sum(before.values())


def _came_back(earlier: Levels, before: Levels, now: Levels) -> bool:
    """Whether counters reached in one step, from less than half of it, all that they had before they fell."""
    return 2 * _still(earlier, before) < sum(earlier.values()) and all(now.get(k, 0) >= v for k, v in earlier.items())


def _still(levels: Levels, now: Levels) -> int:
    return sum(now.get(key, 0) for key in levels)
