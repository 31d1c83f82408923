"""The decision: what should be, given the manifest, the status, what was observed, and the time."""

from dataclasses import replace
from datetime import datetime
from math import floor, inf

from modelrollout.api.commands import Command
from modelrollout.api.evidence import TrafficSplit
from modelrollout.api.identity import version_of
from modelrollout.api.spec import ModelRolloutSpec
from modelrollout.api.status import Status
from modelrollout.rollout.baseline import follow_baseline
from modelrollout.rollout.capacity import FULL_WEIGHT
from modelrollout.rollout.comparison import arms_to_judge
from modelrollout.rollout.conditions import with_conditions
from modelrollout.rollout.deadlines import time_left
from modelrollout.rollout.draft import Draft
from modelrollout.rollout.follow import follow_model
from modelrollout.rollout.gate_set import gate_set
from modelrollout.rollout.gates.gate_test import Reference
from modelrollout.rollout.judging import Assessment, assess
from modelrollout.rollout.late_answers import LateAnswers, follow_weights
from modelrollout.rollout.observation import Observation
from modelrollout.rollout.pace import Pace, follow_traffic
from modelrollout.rollout.placement import place
from modelrollout.rollout.plan import Plan
from modelrollout.rollout.plausibility import plausible
from modelrollout.rollout.settings import Settings
from modelrollout.rollout.split import accepted_weights, follow_split, windows_of_requests
from modelrollout.rollout.stages.table import advance
from modelrollout.rollout.versions import count_edits, remove_drained, retry

__all__ = ["arms_to_judge", "decide"]

# Scrape windows after the first weight in which a fresh pod may not have been scraped yet.
FIRST_SCRAPES = 4


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
    if spec.suspend:
        suspended = with_conditions(draft.situation, generation)
        return Plan(suspended, None, (), None, says_something_new(suspended, status))
    wanted = version_of(spec.model)
    if draft.asked(Command.RETRY):
        retry(draft, wanted)
    follow_model(draft, wanted)
    draft.assessment = _assess(draft)
    advance(draft)
    remove_drained(draft)
    # Last: what was measured is about the baseline that there was.
    follow_baseline(draft)

    replicas = spec.serving.replicas
    placement = place(draft.status, replicas, observation.versions, observation.route)
    challenger = draft.status.challenger
    draft.change(weight=placement.weights.get(challenger.hash) if challenger else None)
    decided = with_conditions(draft.situation, generation)
    return Plan(
        status=decided,
        placement=placement,
        events=tuple(draft.events),
        requeue_after=_requeue_after(decided, settings, now),
        significant=says_something_new(decided, status),
    )


def _assess(draft: Draft) -> Assessment | None:
    """The verdicts, which the draft then has too, with how far the data are counted; None if nothing is judged now.

    A follow-up of the spec may just have ended the comparison.
    """
    status, observation = draft.status, draft.observation
    arms = arms_to_judge(status)
    if status.evidence is None or not observation.measurements or arms is None:
        return None
    observation = replace(observation, measurements=plausible(observation.measurements))
    attempt = count_edits(draft)
    status = draft.status
    assert status.evidence is not None
    began = (status.rollout and status.rollout.ramping_since) or status.evidence.at
    horizon = draft.settings.horizon(draft.spec.strategy)
    gates = gate_set(
        draft.spec.gates,
        draft.spec.risk,
        attempt,
        horizon,
        status.evidence.history,
        figures=draft.spec.baseline.figures,
        reference=Reference(arms.role, arms.champion.bento),
        windows_per_minute=draft.settings.windows_per_minute,
    )
    weights = accepted_weights(observation, arms.champion.hash, arms.challenger.hash)
    traffic = follow_traffic(
        status.evidence.traffic,
        observation.measurements,
        after=status.evidence.window,
        share=sum(weights) / FULL_WEIGHT,
        scrape_interval=draft.settings.scrape_interval,
    )
    route, present = observation.route, _window_of(draft.now, draft.settings)
    changes = follow_weights(
        status.evidence.weights,
        (route.weights.get(arms.champion.hash, 0), route.weights.get(arms.challenger.hash, 0)),
        accepted=route.settled,
        present_window=present,
    )
    late = LateAnswers(changes, draft.spec.serving.request_timeout.seconds, draft.settings.scrape_interval)
    strategy, progress = draft.spec.strategy, status.rollout
    seconds_left = time_left(strategy, progress, draft.now).total_seconds() if progress else inf
    assessment = assess(
        gates,
        status.gates,
        observation.measurements,
        through=status.evidence.window,
        data_expected_from=_window_of(began, draft.settings) + FIRST_SCRAPES,
        pace=Pace(traffic, weights[1] / FULL_WEIGHT, seconds_left, late.seconds_left(draft.now.timestamp())),
        settled=late.settled,
        windows_per_minute=draft.settings.windows_per_minute,
    )
    counted = {
        "window": assessment.through,
        "at": draft.now,
        "split": follow_split(
            status.evidence.split,
            weights,
            windows_of_requests(draft.spec.gates, observation, assessment.through),
            present_window=present,
        ),
        "weights": changes,
        "requests_per_second": None if traffic is None else repr(traffic),
    }
    draft.change(gates=assessment.gates, evidence=status.evidence.model_copy(update=counted))
    return assessment


def _window_of(time: datetime, settings: Settings) -> int:
    return floor(time.timestamp() / settings.scrape_interval)


def _requeue_after(status: Status, settings: Settings, now: datetime) -> float | None:
    """Seconds until the next scrape window can be read, while anything is under way."""
    reconciling = any(condition.type == "Reconciling" for condition in status.conditions)
    if not (reconciling or status.challenger or status.previous or status.retiring):
        return None
    interval = settings.scrape_interval
    next_window = (floor(now.timestamp() / interval) + 1) * interval + settings.scrape_lag
    return next_window - now.timestamp()


def says_something_new(decided: Status, written: Status) -> bool:
    """Whether a status must be written now, and not only at the next checkpoint."""
    return _essence(decided) != _essence(written)


def _essence(status: Status) -> tuple[Status, TrafficSplit | None]:
    """The status without what changes with every scrape, and since when the traffic is split as it is."""
    conditions = tuple(condition.model_copy(update={"message": ""}) for condition in status.conditions)
    split = status.evidence and status.evidence.split
    begun = split.model_copy(update={"requests": 0, "challenger_requests": 0, "state": None}) if split else None
    return status.model_copy(update={"gates": (), "evidence": None, "verdict": "", "conditions": conditions}), begun
