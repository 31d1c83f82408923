"""Where a ModelRollout stands, in the words that its conditions use."""

from dataclasses import dataclass

from modelrollout.api.commands import Command
from modelrollout.api.status import Phase, Version
from modelrollout.rollout.holds import Hold, annotate, applying_problem
from modelrollout.rollout.life import Serving, UnderWay, Watched, life_of
from modelrollout.rollout.situation import Situation
from modelrollout.rollout.split import mismatch
from modelrollout.rollout.stages.table import STAGES, holding
from modelrollout.rollout.stages.watching import unpassed
from modelrollout.rollout.versions import quarantined


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a ModelRollout stands: `reason` and `message` go with every condition that they explain.

    moving: whether it gets on by itself.
    """

    phase: Phase
    reason: str
    message: str
    ready: bool = False
    reconciling: bool = False
    stalled: bool = False
    moving: bool = False


def standing_of(situation: Situation) -> Standing:
    """What there is to say of a ModelRollout for which a decision was just made."""
    life = life_of(situation.status)
    if situation.spec.suspend:
        return Standing(Phase.SUSPENDED, "Suspended", "spec.suspend is true: pods and traffic stay as they are")
    match life:
        case UnderWay():
            return _of_rollout(situation, life)
        case Watched():
            return _unapplied(situation) or _of_watch(situation, life)
        case Serving():
            return _unapplied(situation) or _of_champion(situation, life.champion)
        case None:
            return Standing(Phase.DEPLOYING, "Deploying", "No version runs yet", reconciling=True, moving=True)


def _of_rollout(situation: Situation, rollout: UnderWay) -> Standing:
    phase, hold = STAGES[rollout.stage].phase, holding(situation)
    hold = hold or Hold(phase, situation.summary, usual=True)
    message = hold.message
    if (trouble := _trouble(situation, rollout.challenger)) and trouble not in message:
        message += f"; {trouble}"
    return Standing(phase, hold.reason, message, reconciling=not hold.stalled, stalled=hold.stalled, moving=hold.usual)


def _unapplied(situation: Situation) -> Standing | None:
    hold = applying_problem(situation)
    if hold is None:
        return None
    moving = not hold.stalled
    return Standing(Phase.DEPLOYING, hold.reason, hold.message, reconciling=moving, stalled=hold.stalled, moving=moving)


def _of_champion(situation: Situation, champion: Version) -> Standing:
    """A champion alone; a version that was rolled back may still be the one that the spec names."""
    wanted = situation.wanted
    if bad := quarantined(situation.status, wanted):
        message = f"{bad.message.rstrip('.')}. Change spec.model, or {annotate(Command.RETRY)}"
        if missing := situation.without_pods(champion, "champion"):
            message = f"{missing}{_in_its_place(situation)}. {message}"
        return Standing(Phase.ROLLED_BACK, "RolledBack", message, stalled=True)
    if situation.status.serving_since is None:
        problem = situation.pods(champion).problem
        message = f"{champion.bento} is starting{': ' + problem if problem else ''}"
        return Standing(Phase.DEPLOYING, "Deploying", message, reconciling=True, moving=True)
    trouble = _trouble(situation, champion)
    message = f"{champion.bento} has all of the traffic{'; ' + trouble if trouble else ''}"
    return _without_pods(situation, champion) or Standing(Phase.STABLE, "Serving", message, ready=True)


def _without_pods(situation: Situation, champion: Version, phase: Phase = Phase.STABLE) -> Standing | None:
    pods = situation.observation.versions.get(champion.hash)
    if pods and pods.ready:
        return None
    why = (pods.problem or "they are starting or ending") if pods else "its Deployment is missing"
    message = f"{champion.bento} has no ready pods: {why}{_in_its_place(situation)}"
    return Standing(phase, "NoReadyPods", message, reconciling=True, moving=True)


def _in_its_place(situation: Situation) -> str:
    """Which versions serve that are about to be let go, for a person."""
    serving = [retiring.bento for retiring in situation.status.retiring if situation.pods(retiring).ready]
    return f"; {serving[-1]} goes on serving until it has" if serving else ""


def _trouble(situation: Situation, version: Version) -> str:
    """How the containers of a version ended that has ready pods, for a person; empty if none did."""
    pods = situation.pods(version)
    if not (pods.ready and pods.restarts and pods.last_exit):
        return ""
    return f"its containers restarted {pods.restarts} times: {pods.last_exit}"


def _of_watch(situation: Situation, life: Watched) -> Standing:
    until = f"{life.watch.until:%Y-%m-%dT%H:%M:%SZ}"
    if missing := _without_pods(situation, life.champion, Phase.WATCHING):
        return missing
    said = [
        mismatch(situation.status),
        situation.summary if situation.assessment else "",
        _trouble(situation, life.champion),
    ]
    reservations = "; ".join(filter(None, said))
    if situation.now >= life.watch.until and (why := unpassed(situation, life)):
        message = (
            f"{life.champion.bento} was promoted; {life.previous.bento} stays warm: {why}. "
            f"To let it go {annotate(Command.APPROVE)}"
        )
        return Standing(Phase.WATCHING, "WatchProlonged", message, ready=True)
    message = f"{life.champion.bento} was promoted; {life.previous.bento} stays warm until {until}"
    return Standing(Phase.WATCHING, "Watching", f"{message}: {reservations}" if reservations else message, ready=True)
