"""Why a challenger that gets copies of requests does not get its first weight: checks of the shadow stage alone."""

from modelrollout.evidence.verdict import Verdict
from modelrollout.rollout.holds import Hold
from modelrollout.rollout.life import UnderWay
from modelrollout.rollout.situation import Situation
from modelrollout.rollout.split import mismatch


def no_copies_yet(situation: Situation, rollout: UnderWay) -> Hold | None:
    """The challenger was not seen to answer any copy."""
    if situation.assessment is None or rollout.progress.step_requests > 0:
        return None
    message = f"no copy of a request was seen at {rollout.challenger.bento} yet; {situation.summary}"
    return Hold("NoRequests", message, usual=True)


def shadow_too_young(situation: Situation, rollout: UnderWay) -> Hold | None:
    """Requests have to be copied for longer."""
    shadow = situation.spec.strategy.shadow
    ends = rollout.progress.step_since + shadow.for_.timedelta if shadow else situation.now
    if situation.now >= ends:
        return None
    return Hold("Shadowing", f"{_copied(situation, rollout)}; until {ends:%Y-%m-%dT%H:%M:%SZ}", ends, usual=True)


def unproven_on_copies(situation: Situation, rollout: UnderWay) -> Hold | None:
    """A gate that the shadow phase waits for has not passed yet."""
    shadow = situation.spec.strategy.shadow
    waited_for = set(shadow.gates) if shadow else set()
    missing = [gate.name for gate in situation.status.gates if gate.name in waited_for and gate.verdict != Verdict.PASS]
    if not missing:
        return None
    message = f"{_copied(situation, rollout)}; waits for {', '.join(missing)} to pass"
    return Hold("Shadowing", message, usual=True)


def _copied(situation: Situation, rollout: UnderWay) -> str:
    """What became of the copies so far."""
    answered = f"{rollout.challenger.bento} has answered {rollout.progress.step_requests} copies of requests"
    return "; ".join(filter(None, [answered, mismatch(situation.status), situation.summary]))
