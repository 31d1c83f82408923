"""What can happen to a rollout. Each function is one fact of its life: it changes the status and announces it."""

from collections.abc import Sequence
from math import floor

from modelrollout.api.commands import Command
from modelrollout.api.evidence import ChampionHistory, EvidenceCheckpoint
from modelrollout.api.status import BaselineVersion, QuarantinedVersion, RolloutProgress, Stage, Version, Watch
from modelrollout.rollout.capacity import FULL_WEIGHT
from modelrollout.rollout.comparison import largest_comparable_weight
from modelrollout.rollout.deadlines import MissedDeadline
from modelrollout.rollout.draft import Draft
from modelrollout.rollout.life import UnderWay, Watched
from modelrollout.rollout.ramp import RETREAT_WEIGHT, first_weight
from modelrollout.rollout.versions import comparisons, count_comparison, quarantine, retire, unretire


def install(draft: Draft, champion: Version) -> None:
    """Make `champion` run where no version has served yet."""
    replaced = draft.status.champion
    if replaced:
        retire(draft, replaced)
    unretire(draft, champion)
    draft.change(champion=champion, serving_since=None)
    draft.record("Install", "ChampionDeploying", f"Deploying {champion.bento} as the first champion")


def adopt(
    draft: Draft,
    champion: Version,
    others: Sequence[Version],
    quarantined: tuple[QuarantinedVersion, ...],
    *,
    guessed: bool,
) -> None:
    """Take over what an earlier ModelRollout of this name left behind.

    guessed: whether nothing says who the champion was.
    """
    draft.change(champion=champion, serving_since=draft.now, quarantine=quarantined)
    for other in others:
        retire(draft, other)
    by = "has most of the traffic" if guessed else "was the champion"
    message = f"{champion.bento} {by} of an earlier ModelRollout of this name and goes on serving"
    draft.record("Adopt", "ChampionAdopted", message, warning=guessed)


def note_serving(draft: Draft, champion: Version) -> None:
    """Remember the moment from which the first champion serves."""
    draft.change(serving_since=draft.now)
    draft.record("Serve", "ChampionServing", f"{champion.bento} is ready and has all of the traffic")


def start(draft: Draft, champion: Version, challenger: Version) -> None:
    """Begin a rollout of `challenger` beside the champion."""
    unretire(draft, challenger)
    draft.change(
        challenger=challenger,
        rollout=RolloutProgress(
            started_at=draft.now,
            stage=Stage.PREPARING,
            since=draft.now,
            not_ready_since=draft.now,
            step=0,
            step_since=draft.now,
            target_weight=first_weight(draft.spec.strategy, largest_comparable_weight(draft.spec)),
            attempt=1 + comparisons(draft.status, challenger),
        ),
        gates=(),
        evidence=None,
    )
    draft.settle(Command.ABORT, Command.PROMOTE, Command.APPROVE)
    draft.record("Start", "RolloutStarted", f"Rolling out {challenger.bento} beside {champion.bento}")


def cancel(draft: Draft, rollout: UnderWay, reason: str, message: str) -> None:
    """End the rollout without a judgement on the challenger."""
    _drop_challenger(draft, rollout)
    draft.record("Cancel", reason, message)


def begin_shadow(draft: Draft, rollout: UnderWay, history: tuple[ChampionHistory, ...]) -> None:
    """Let copies of requests flow to the challenger, and count evidence from the next scrape window on."""
    draft.progress(rollout, stage=Stage.SHADOWING, since=draft.now, step_since=draft.now)
    _begin_to_count(draft, rollout, history)
    message = f"{rollout.challenger.bento} is ready and gets copies of requests; its answers reach nobody"
    draft.record("Advance", "ShadowStarted", message)


def begin_ramp(draft: Draft, rollout: UnderWay, history: tuple[ChampionHistory, ...]) -> None:
    """Let traffic flow to the challenger, and count evidence from the next scrape window on, or go on to."""
    draft.progress(
        rollout, stage=Stage.RAMPING, since=draft.now, ramping_since=draft.now, step_since=draft.now, step_requests=0
    )
    if draft.status.evidence is None:
        _begin_to_count(draft, rollout, history)
    message = f"{rollout.challenger.bento} is ready and gets weight {rollout.progress.target_weight}"
    draft.record("Advance", "RampStarted", message)


def hold_for_deadline(draft: Draft, rollout: UnderWay, missed: MissedDeadline) -> UnderWay:
    """Say, once, that a deadline has passed and the weight is held for it."""
    if rollout.progress.held_since is not None:
        return rollout
    message = f"{rollout.challenger.bento} {missed.shortcoming} and keeps its weight"
    if missed.asks:
        message += ": approve it for more time, promote it or abort it"
    draft.record("Hold", missed.reason, message, warning=True)
    return draft.progress(rollout, held_since=draft.now)


def extend(draft: Draft, rollout: UnderWay, missed: MissedDeadline) -> UnderWay:
    """Give the rollout more time, as an approval after a deadline asks for."""
    draft.settle(Command.APPROVE)
    message = f"{rollout.challenger.bento} gets another {missed.deadline.after}"
    draft.record("Extend", "DeadlineExtended", message)
    return draft.progress(rollout, extended_at=draft.now, held_since=None)


def set_weight(draft: Draft, rollout: UnderWay, step: int, weight: int, message: str) -> None:
    """Go to another step of the ramp."""
    reason = "WeightRaised" if weight > rollout.progress.target_weight else "WeightLowered"
    draft.progress(
        rollout,
        step=step,
        step_since=draft.now,
        step_requests=0,
        target_weight=weight,
        awaits_approval=False,
        retreated_at=None,
    )
    draft.settle(Command.APPROVE)
    draft.record("Advance", reason, f"{rollout.challenger.bento} gets weight {weight}: {message}")


def retreat(draft: Draft, rollout: UnderWay, message: str) -> None:
    """Take traffic away until it is known whether a window that looked gross was chance. It is no verdict."""
    draft.progress(rollout, target_weight=RETREAT_WEIGHT, step_since=draft.now, step_requests=0, retreated_at=draft.now)
    text = f"{rollout.challenger.bento} gets weight {RETREAT_WEIGHT} until more is known: {message}"
    draft.record("Retreat", "WeightLowered", text, warning=True)


def begin_promotion(draft: Draft, rollout: UnderWay, reason: str, message: str) -> None:
    """Give the challenger the pods for all of the traffic."""
    weight = FULL_WEIGHT - draft.spec.strategy.hold_back.percent
    draft.progress(rollout, stage=Stage.PROMOTING, since=draft.now, target_weight=weight)
    if draft.status.evidence is None:
        _begin_to_count(draft, rollout, ())
    draft.settle(Command.PROMOTE, Command.APPROVE)
    draft.record("Promote", reason, f"{rollout.challenger.bento} is to become the champion: {message}")


def promote(draft: Draft, rollout: UnderWay) -> None:
    """Make the challenger's pods the champion's, and keep the old champion warm while the watch runs."""
    hold_back = draft.spec.strategy.hold_back
    until = draft.now + hold_back.for_.timedelta
    draft.change(
        champion=rollout.challenger,
        previous=rollout.champion,
        challenger=None,
        rollout=None,
        serving_since=draft.now,
        watch=Watch(
            since=draft.now, until=until, hold_back_percent=hold_back.percent, attempt=rollout.progress.attempt
        ),
    )
    draft.record("Promote", "Promoted", f"{rollout.challenger.bento} is the champion")


def roll_back(draft: Draft, rollout: UnderWay, reason: str, message: str) -> None:
    """Give all traffic back to the champion and remember the challenger as bad."""
    _drop_challenger(draft, rollout)
    draft.settle(Command.ABORT)
    quarantine(draft, rollout.challenger, reason, message)
    draft.record("RollBack", reason, message, warning=True)


def return_to_previous(draft: Draft, watched: Watched, reason: str, message: str, *, is_bad: bool) -> None:
    """Undo a promotion while the old champion is still warm. is_bad: whether the new one must not be tried again."""
    draft.settle(Command.ABORT)
    draft.change(champion=watched.previous, previous=None, watch=None, gates=(), evidence=None)
    retire(draft, watched.champion)
    if is_bad:
        quarantine(draft, watched.champion, reason, message)
    draft.record("RollBack", reason, message, warning=is_bad)


def end_watch(draft: Draft, watched: Watched, reason: str, message: str) -> None:
    """Let the old champion go."""
    retire(draft, watched.previous)
    draft.settle(Command.APPROVE)
    draft.change(previous=None, watch=None, gates=(), evidence=None)
    draft.record("EndWatch", reason, message)


def deploy_baseline(draft: Draft, baseline: BaselineVersion) -> None:
    """Have a service to compare with beside champion and challenger, or change its size."""
    if draft.status.baseline is None:
        draft.announce("BaselineDeploying", f"Deploying {baseline.bento} to compare with")
    unretire(draft, baseline)
    draft.change(baseline=baseline)


def retire_baseline(draft: Draft, baseline: BaselineVersion) -> None:
    """Take the traffic from the service that was compared with, and let it go."""
    draft.change(baseline=None)
    in_use = (draft.status.champion, draft.status.challenger, draft.status.previous)
    if baseline.hash not in {version.hash for version in in_use if version}:
        retire(draft, baseline)
        draft.announce("BaselineRetired", f"{baseline.bento} is no longer compared with")


def _begin_to_count(draft: Draft, rollout: UnderWay, history: tuple[ChampionHistory, ...]) -> None:
    count_comparison(draft, rollout.challenger)
    window = floor(draft.now.timestamp() / draft.settings.scrape_interval)
    draft.change(evidence=EvidenceCheckpoint(window=window, at=draft.now, history=history), gates=())


def _drop_challenger(draft: Draft, rollout: UnderWay) -> None:
    retire(draft, rollout.challenger)
    draft.change(challenger=None, rollout=None, weight=None, evidence=None)
