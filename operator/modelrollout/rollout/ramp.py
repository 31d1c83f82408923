"""Which weight comes next: by the manifest's steps, or by what is left of the budget of bad requests."""

from dataclasses import dataclass
from datetime import datetime

from modelrollout.api.status import RolloutProgress
from modelrollout.api.strategy import Ramp, Step, Strategy
from modelrollout.evidence.ramp import RiskBudget, next_weight
from modelrollout.rollout.judging import Assessment

# Few levels, so that the gateway is not reconfigured at every scrape.
LEVELS = (1, 2, 5, 10, 25, 50)
# Percent of the traffic after a window that looked gross.
RETREAT_WEIGHT = 1

# Until there is a verdict after a retreat, in waits for late answers: next to no traffic tells little.
_WAITS = 2.5
# Scrape windows until there is one at the present weight, where the next one does not bring it.
_WINDOWS_TO_VERDICT = 3


def is_cheaper_kept(weight: float, awaited: int, *, near: bool) -> bool:
    """Whether keeping a weight until a verdict costs no more bad answers than a retreat until more is known.

    awaited: scrape windows in which late answers are awaited after a change of weights. near: whether one more window
        like the last one decides.
    """
    windows = 1 if near else _WINDOWS_TO_VERDICT
    return weight * windows <= _WAITS * RETREAT_WEIGHT * awaited


@dataclass(frozen=True, slots=True)
class NextStep:
    """The next weight in percent; `finished` when the only thing left is the promotion."""

    index: int
    weight: int
    finished: bool = False


def first_weight(strategy: Strategy, largest: int) -> int:
    """The weight in percent that a challenger starts with once it is ready.

    largest: the largest one that leaves traffic to compare with.
    """
    return min(strategy.steps[0].weight if strategy.steps else min(LEVELS[0], strategy.ramp.max_weight), largest)


def next_step(
    strategy: Strategy,
    progress: RolloutProgress,
    assessment: Assessment,
    largest: int,
) -> NextStep | None:
    """The step after the present one; None if the ramp has none as things are.

    largest: the largest weight in percent that leaves traffic to compare with. A step beyond it is the promotion.
    """
    if strategy.steps:
        return _next_of_steps(strategy.steps, progress, largest)
    return _next_of_ramp(strategy.ramp, progress, assessment, largest)


def step_ends(strategy: Strategy, progress: RolloutProgress) -> datetime | None:
    """Until when the present step is kept at least; None without steps."""
    if not strategy.steps or progress.retreated_at is not None:
        return None
    return progress.step_since + _current(strategy.steps, progress).hold.timedelta


def awaits_step_approval(strategy: Strategy, progress: RolloutProgress) -> bool:
    """Whether the present step ends only when somebody approves."""
    return bool(strategy.steps) and progress.retreated_at is None and _current(strategy.steps, progress).approval


def _current(steps: tuple[Step, ...], progress: RolloutProgress) -> Step:
    # The manifest's steps may have become fewer since this one began.
    return steps[min(progress.step, len(steps) - 1)]


def _next_of_steps(steps: tuple[Step, ...], progress: RolloutProgress, largest: int) -> NextStep:
    if progress.retreated_at is not None:
        return NextStep(progress.step, min(_current(steps, progress).weight, largest))
    following = progress.step + 1
    if following >= len(steps) or steps[following].weight > largest:
        return NextStep(progress.step, _current(steps, progress).weight, finished=True)
    return NextStep(following, steps[following].weight)


def _next_of_ramp(ramp: Ramp, progress: RolloutProgress, assessment: Assessment, largest: int) -> NextStep | None:
    if assessment.all_pass:
        return NextStep(progress.step, progress.target_weight, finished=True)
    if assessment.traffic is None:
        return None
    most = min(ramp.max_weight, largest)
    levels = [*(level for level in LEVELS if level < most), most]
    weight = next_weight(
        RiskBudget(ramp.budget.bad_requests, levels),
        progress.target_weight,
        assessment.requests_judged,
        assessment.gap_bound,
        assessment.traffic,
    )
    level = levels.index(int(weight))
    return NextStep(level, levels[level]) if levels[level] != progress.target_weight else None
