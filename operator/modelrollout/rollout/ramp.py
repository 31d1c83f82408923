"""Which weight comes next: by the manifest's steps, or by what is left of the budget of bad requests."""

from dataclasses import dataclass
from datetime import datetime

from modelrollout.api.status import RolloutProgress
from modelrollout.api.strategy import Ramp, Step, Strategy
from modelrollout.rollout.judging import Assessment

# Few levels, so that the gateway is not reconfigured at every scrape.
LEVELS = (1, 2, 5, 10, 25, 50)
# Part of the remaining budget that may be at stake while the operator has not yet reacted to a bad challenger.
STAKE = 0.25
# From a bad answer to weight 0 at the gateway: the scrape, the query and the route update, in seconds.
REACTION_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class NextStep:
    """The next weight in percent; `finished` when the only thing left is the promotion."""

    index: int
    weight: int
    finished: bool = False


def first_weight(strategy: Strategy) -> int:
    """The weight in percent that a challenger starts with once it is ready."""
    return strategy.steps[0].weight if strategy.steps else LEVELS[0]


def next_step(
    strategy: Strategy,
    progress: RolloutProgress,
    assessment: Assessment,
    *,
    approved: bool,
    now: datetime,
) -> NextStep | None:
    """The step after the present one, or None while the present one must go on."""
    if strategy.steps:
        return _next_of_steps(strategy.steps, progress, approved, now)
    return _next_of_ramp(strategy.ramp, progress, assessment)


def awaits_approval(strategy: Strategy, progress: RolloutProgress, now: datetime) -> bool:
    """Whether the present step has lasted long enough and goes on only when somebody approves."""
    if not strategy.steps:
        return False
    step = _current(strategy.steps, progress)
    return step.approval and now - progress.step_since >= step.hold.timedelta


def _current(steps: tuple[Step, ...], progress: RolloutProgress) -> Step:
    # The manifest's steps may have become fewer since this one began.
    return steps[min(progress.step, len(steps) - 1)]


def _next_of_steps(
    steps: tuple[Step, ...], progress: RolloutProgress, approved: bool, now: datetime
) -> NextStep | None:
    step = _current(steps, progress)
    if now - progress.step_since < step.hold.timedelta or (step.approval and not approved):
        return None
    following = progress.step + 1
    if following >= len(steps):
        return NextStep(progress.step, step.weight, finished=True)
    return NextStep(following, steps[following].weight)


def _next_of_ramp(ramp: Ramp, progress: RolloutProgress, assessment: Assessment) -> NextStep | None:
    if assessment.all_pass:
        return NextStep(progress.step, progress.target_weight, finished=True)
    allowed = weight_within_budget(
        ramp.budget.bad_requests, assessment.bad_requests_bound, assessment.gap_bound, assessment.total_rate
    )
    higher = [level for level in (*LEVELS, ramp.max_weight) if progress.target_weight < level <= ramp.max_weight]
    if not higher or min(higher) > allowed:
        return None
    return NextStep(progress.step + 1, min(higher))


def weight_within_budget(budget: float, spent: float, gap_bound: float, requests_per_second: float) -> float:
    """The weight in percent at which the bad requests expected before a reaction stay within a part of the budget left.

    budget, spent: excess bad requests, as declared and as bounded so far. gap_bound: upper bound of the challenger's
    excess rate of bad requests. Source: Li, Mao and Bojinov, "Balancing Risk and Reward", arXiv 2305.09626.
    """
    exposure = requests_per_second * REACTION_SECONDS * gap_bound
    return 100 * STAKE * max(0.0, budget - spent) / exposure if exposure > 0 else 100.0
