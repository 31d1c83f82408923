"""Why a rollout does not go on: named checks. What stops the decision is what the conditions print.

Each check looks at a rollout and says what it waits for, or nothing. The stages (`stages/`) put them in order.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from modelrollout.api.commands import Command
from modelrollout.api.status import INTERRUPTIONS_KEPT, Stage
from modelrollout.rollout.comparison import largest_comparable_weight
from modelrollout.rollout.deadlines import MissedDeadline, missed_deadline
from modelrollout.rollout.durations import readable
from modelrollout.rollout.life import UnderWay
from modelrollout.rollout.ramp import NextStep, awaits_step_approval, next_step, step_ends
from modelrollout.rollout.situation import Situation
from modelrollout.rollout.split import mismatch


@dataclass(frozen=True, slots=True)
class Hold:
    """Why a rollout stays where it is: `reason` in one CamelCase word, `message` for a person.

    until: when it is expected to go on; None where that cannot be known.
    usual: whether this is the course of any rollout, so that it counts as progressing.
    stalled: whether nothing will change by itself.
    """

    reason: str
    message: str
    until: datetime | None = None
    usual: bool = False
    stalled: bool = False


_RETREAT = timedelta(minutes=1)
# A challenger that lost pods so often in so short a time is not given more traffic.
UNSTABLE_FOR = timedelta(minutes=30)

Check = Callable[[Situation, UnderWay], Hold | None]


def not_applied(situation: Situation, rollout: UnderWay) -> Hold | None:
    """The last plan could not be carried out, or a gateway does not carry the traffic."""
    return applying_problem(situation)


def applying_problem(situation: Situation) -> Hold | None:
    """Why the cluster is not as it was decided, whatever the stage."""
    problem, route = situation.observation.apply_problem, situation.observation.route
    if problem:
        return Hold("ApplyFailed", problem, stalled=True)
    if route.problem:
        return Hold("RouteNotAccepted", f"The route carries no traffic yet: {route.problem}", stalled=route.refused)
    return None


def challenger_starting(situation: Situation, rollout: UnderWay) -> Hold | None:
    """The challenger has fewer ready pods than its weight needs."""
    if situation.has_enough_pods(rollout):
        return None
    problem = situation.pods(rollout.challenger).problem
    message = f"{rollout.challenger.bento} is getting ready{': ' + problem if problem else ''}"
    return Hold("ChallengerStarting", message, usual=True)


def no_baseline(situation: Situation, rollout: UnderWay) -> Hold | None:
    """The baseline that the challenger is compared with has no ready pods."""
    missing = situation.missing_baseline
    if not missing:
        return None
    late = situation.now - rollout.progress.started_at > situation.spec.serving.progress_deadline.timedelta
    message = f"Held at weight {situation.status.weight or 0}, undecided: {missing}"
    return Hold("BaselineNotReady", message, stalled=late)


def no_champion(situation: Situation, rollout: UnderWay) -> Hold | None:
    """The champion that the challenger is compared with has no ready pods."""
    missing = situation.missing_champion(rollout.champion)
    if not missing:
        return None
    message = (
        f"Held at weight {situation.status.weight or 0}, undecided: {missing}. It goes on when there are some. "
        f"To make {rollout.challenger.bento} the champion now {annotate(Command.PROMOTE)}"
    )
    return Hold("ChampionNotReady", message, stalled=True)


def champion_failing(situation: Situation, rollout: UnderWay) -> Hold | None:
    """What the challenger is compared with fails itself, so that no challenger would be worse."""
    failing = situation.broken_measures
    if not failing or situation.approved:
        return None
    reference = "baseline" if situation.status.baseline else "champion"
    message = (
        f"Held at weight {rollout.progress.target_weight}: the {reference} itself fails ({failing}) and is no measure. "
        f"To take one more step {annotate(Command.APPROVE)}; {Command.PROMOTE.annotation} and /{Command.ABORT} decide"
    )
    return Hold("ChampionFailing", message, stalled=True)


def unstable(situation: Situation, rollout: UnderWay) -> Hold | None:
    """The challenger lost pods again and again while it had traffic."""
    lost = rollout.progress.interruptions
    if len(lost) < INTERRUPTIONS_KEPT or situation.now - lost[0] > UNSTABLE_FOR:
        return None
    pods = situation.pods(rollout.challenger)
    last = pods.last_exit or pods.problem
    message = (
        f"Held at weight {rollout.progress.target_weight}: {rollout.challenger.bento} lost pods or containers "
        f"{len(lost)} times within {readable(UNSTABLE_FOR.total_seconds())}{': ' + last if last else ''}. "
        f"To go on at once {annotate(Command.APPROVE)}"
    )
    return Hold("Unstable", message, until=lost[0] + UNSTABLE_FOR)


def route_not_taken_over(situation: Situation, rollout: UnderWay) -> Hold | None:
    """Not every gateway has taken over the weights that were written last."""
    route, weight = situation.observation.route, rollout.progress.target_weight
    written = route.weights.get(rollout.challenger.hash)
    if route.settled and (rollout.stage is not Stage.RAMPING or written == weight):
        return None
    message = "The gateway has not taken over the weights yet"
    if situation.assessment:
        message = f"{message}; {situation.summary}"
    return Hold("RouteNotTakenOver", message, usual=True)


def pods_growing(situation: Situation, rollout: UnderWay) -> Hold | None:
    """The challenger does not have the pods yet for all of the traffic."""
    starting = challenger_starting(situation, rollout)
    if starting is None:
        return None
    problem = situation.pods(rollout.challenger).problem
    message = f"{rollout.challenger.bento} gets the pods for all of the traffic{': ' + problem if problem else ''}"
    return Hold("Promoting", message, usual=True)


def deadline_passed(situation: Situation, rollout: UnderWay) -> Hold | None:
    """A deadline has passed, and the next step would need more time than there is."""
    missed = missed_deadline(situation.spec.strategy, rollout.progress, situation.now)
    if missed is None or situation.approved or not _needs_more_time(situation, rollout, missed):
        return None
    message = (
        f"Held at weight {rollout.progress.target_weight}, {rollout.challenger.bento} {missed.shortcoming}: "
        f"{_reservations(situation)}. For another {missed.deadline.after} {annotate(Command.APPROVE)}"
    )
    if missed.asks:
        message += f"; the annotations {Command.PROMOTE.annotation} and /{Command.ABORT} decide"
    return Hold(missed.reason, message, stalled=True)


def traffic_off_weights(situation: Situation, rollout: UnderWay) -> Hold | None:
    """The traffic does not follow the weights, which makes every comparison doubtful."""
    if not mismatch(situation.status):
        return None
    return Hold("SampleRatioMismatch", _held(rollout, _reservations(situation)))


def no_verdict_yet(situation: Situation, rollout: UnderWay) -> Hold | None:
    """Nothing was judged yet, or a gate is still without the data that it may not have by now."""
    assessment = situation.assessment
    if assessment is None or (not assessment.complete and not assessment.unavailable):
        return Hold("Ramping", situation.summary, usual=True)
    return None


def metrics_unavailable(situation: Situation, rollout: UnderWay) -> Hold | None:
    """A gate has no data."""
    assessment = situation.assessment
    if assessment is None or assessment.complete:
        return None
    return Hold("MetricsUnavailable", _held(rollout, situation.summary))


def doubtful(situation: Situation, rollout: UnderWay) -> Hold | None:
    """A gate speaks against more traffic, short of a rollback."""
    assessment = situation.assessment
    reasons = (assessment.suspicion or assessment.gross) if assessment else ""
    if not reasons:
        return None
    message = f"Held at weight {rollout.progress.target_weight}, doubtful: {reasons}"
    return Hold("Doubtful", message)


def retreated(situation: Situation, rollout: UnderWay) -> Hold | None:
    """A window looked gross: for a minute the challenger has next to no traffic."""
    since = rollout.progress.retreated_at
    if since is None or situation.now >= since + _RETREAT:
        return None
    message = f"Held at weight {rollout.progress.target_weight} after answers that looked bad; {situation.summary}"
    return Hold("Retreated", message, until=since + _RETREAT)


def late_answers(situation: Situation, rollout: UnderWay) -> Hold | None:
    """Answers from a time with more traffic may still be counted, so that a regression could not be seen now."""
    assessment = situation.assessment
    if assessment is None or assessment.settled.rollback:
        return None
    return Hold("Ramping", _held(rollout, situation.summary), usual=True)


def no_requests_yet(situation: Situation, rollout: UnderWay) -> Hold | None:
    """The challenger was not seen to answer any request at this weight: a step that saw nothing is not over."""
    assessment, progress = situation.assessment, rollout.progress
    if assessment is None or progress.step_requests > 0:
        return None
    if assessment.through * situation.settings.scrape_interval < progress.step_since.timestamp():
        # No window yet lies wholly within this step.
        return Hold("Ramping", situation.summary, usual=True)
    message = f"no request of {rollout.challenger.bento} was seen at this weight yet; {situation.summary}"
    return Hold("NoRequests", _held(rollout, message))


def step_too_young(situation: Situation, rollout: UnderWay) -> Hold | None:
    """The present step has to be kept for longer."""
    ends = step_ends(situation.spec.strategy, rollout.progress)
    if ends is None or situation.now >= ends:
        return None
    return Hold("Ramping", f"{situation.summary}; this step lasts until {ends:%Y-%m-%dT%H:%M:%SZ}", ends, usual=True)


def awaits_approval(situation: Situation, rollout: UnderWay) -> Hold | None:
    """Somebody has to approve the next step."""
    if situation.approved or not awaits_step_approval(situation.spec.strategy, rollout.progress):
        return None
    message = (
        f"Weight {rollout.progress.target_weight} waits for an approval: {annotate(Command.APPROVE)}; "
        f"{situation.summary}"
    )
    return Hold("AwaitingApproval", message)


def undecided(situation: Situation, rollout: UnderWay) -> Hold | None:
    """The evidence is not enough for the next step."""
    step = following_step(situation, rollout)
    if step and (not step.finished or (situation.assessment and situation.assessment.all_pass)):
        return None
    return Hold("Ramping", situation.summary, usual=True)


def following_step(situation: Situation, rollout: UnderWay) -> NextStep | None:
    """The step that the manifest's steps or the ramp has next; None if there is none for now."""
    if situation.assessment is None:
        return None
    largest = largest_comparable_weight(situation.spec)
    return next_step(situation.spec.strategy, rollout.progress, situation.assessment, largest)


def annotate(command: Command) -> str:
    """How a person gives a command."""
    return f"run: kubectl annotate --overwrite modelrollout NAME {command.annotation}=$(date +%s)"


def _needs_more_time(situation: Situation, rollout: UnderWay, missed: MissedDeadline) -> bool:
    """Whether the next step may not be taken after a deadline. Less weight is always right."""
    step = following_step(situation, rollout)
    if step is None:
        return True
    if step.finished:
        proven = situation.assessment is not None and situation.assessment.all_pass
        return missed.asks or not proven
    return step.weight > rollout.progress.target_weight


def _held(rollout: UnderWay, why: str) -> str:
    return f"Held at weight {rollout.progress.target_weight}: {why}"


def _reservations(situation: Situation) -> str:
    """What the gates say, after what makes it doubtful."""
    return "; ".join(filter(None, [mismatch(situation.status), situation.summary]))
