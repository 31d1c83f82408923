"""The decision: what should be, given the manifest, the status, what was observed, and the time."""

from datetime import datetime

from modelrollout.api.commands import Command
from modelrollout.api.spec import ModelRolloutSpec
from modelrollout.api.status import Status, Version
from modelrollout.rollout.baseline import follow_baseline
from modelrollout.rollout.clock import resume, suspend
from modelrollout.rollout.comparing import follow_evidence
from modelrollout.rollout.comparison import arms_to_judge
from modelrollout.rollout.conditions import with_conditions
from modelrollout.rollout.draft import Draft
from modelrollout.rollout.follow import follow_model
from modelrollout.rollout.lifecycle import seconds_until_stale
from modelrollout.rollout.news import requeue_after, says_something_new
from modelrollout.rollout.observation import Observation
from modelrollout.rollout.placement import place
from modelrollout.rollout.plan import Placement, Plan
from modelrollout.rollout.repair import repair
from modelrollout.rollout.revisions import follow_revision, note_champion
from modelrollout.rollout.settings import Settings
from modelrollout.rollout.stages.table import advance
from modelrollout.rollout.versions import remove_drained, retry

__all__ = ["arms_to_judge", "decide"]


def decide(
    spec: ModelRolloutSpec,
    generation: int,
    status: Status,
    observation: Observation,
    settings: Settings,
    now: datetime,
) -> Plan:
    """One decision. Deterministic: the same arguments give the same plan, in the operator and in a replay.

    Deciding again from a status that was not yet written gives the same outcome, so a plan that was lost in a crash is
    made again.
    """
    draft = Draft(spec, status, observation, now, settings)
    repair(draft)
    wanted = follow_revision(draft)
    if spec.suspend:
        suspend(draft)
        placement = None
    else:
        resume(draft)
        placement = _carry_on(draft, wanted)
    _note_replicas(draft)
    decided = with_conditions(draft.situation, generation)
    return Plan(
        status=decided,
        placement=placement,
        events=tuple(draft.events),
        requeue_after=None if spec.suspend else _look_again(spec, decided, status, settings, now),
        significant=says_something_new(decided, status) or bool(observation.status_problem),
    )


def _note_replicas(draft: Draft) -> None:
    champion = draft.status.champion
    draft.change(replicas=draft.situation.pods(champion).desired if champion else None)


def _look_again(
    spec: ModelRolloutSpec, decided: Status, written: Status, settings: Settings, now: datetime
) -> float | None:
    """Seconds until the next decision is due even if nothing happens; None while only events matter."""
    due = requeue_after(decided, written, settings, now)
    return seconds_until_stale(spec.lifecycle, decided, now) if due is None else due


def _carry_on(draft: Draft, wanted: Version) -> Placement:
    """Whatever comes next in the life of the ModelRollout, and where pods and traffic then should be."""
    if draft.asked(Command.RETRY):
        retry(draft, wanted)
    follow_model(draft, wanted)
    draft.assessment = follow_evidence(draft)
    advance(draft)
    remove_drained(draft)
    # Last: what was measured is about the baseline that there was.
    follow_baseline(draft)
    note_champion(draft)
    observation = draft.observation
    spec = draft.spec
    placement = place(
        draft.status, spec.serving.replicas, observation.versions, observation.route, spec.strategy.shadow
    )
    challenger = draft.status.challenger
    draft.change(weight=placement.weights.get(challenger.hash) if challenger else None)
    return placement
