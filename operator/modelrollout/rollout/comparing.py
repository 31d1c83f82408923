"""The comparison under way: what was measured since the last look becomes evidence, and is noted in the draft."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from math import ceil, floor, inf

from modelrollout.api.evidence import EvidenceCheckpoint
from modelrollout.api.status import Status
from modelrollout.rollout.capacity import FULL_WEIGHT
from modelrollout.rollout.comparison import Comparison, arms_to_judge
from modelrollout.rollout.deadlines import time_left
from modelrollout.rollout.draft import Draft
from modelrollout.rollout.gate_report import ROLL_BACK
from modelrollout.rollout.gate_set import GateSet, gate_set
from modelrollout.rollout.gates.gate_test import Reference
from modelrollout.rollout.judging import Assessment, assess
from modelrollout.rollout.late_answers import LateAnswers, awaited_windows, follow_weights
from modelrollout.rollout.life import UnderWay, Watched, life_of
from modelrollout.rollout.measurements import Evaluated, Measurement, Windowed
from modelrollout.rollout.observation import Observation
from modelrollout.rollout.pace import Pace, follow_traffic
from modelrollout.rollout.plausibility import plausible
from modelrollout.rollout.pods_seen import announce_restarts, seen_at_pods
from modelrollout.rollout.seen import seen
from modelrollout.rollout.settings import Settings
from modelrollout.rollout.split import accepted_weights, follow_split, windows_of_requests
from modelrollout.rollout.versions import count_edits

# Scrape windows after the first weight in which a fresh pod may not have been scraped yet, and no rate is known.
FIRST_SCRAPES = 4
# Error rates of later attempts would be too small for a float.
_LAST_ATTEMPT = 100


def follow_evidence(draft: Draft) -> Assessment | None:
    """The verdicts, which the draft then has too, with how far the data are counted; None if nothing is judged now.

    A follow-up of the spec may just have ended the comparison.
    """
    status, observation, settings = draft.status, draft.observation, draft.settings
    comparison, evidence = arms_to_judge(status), status.evidence
    if evidence is None or not observation.measurements or comparison is None:
        return None
    observation = replace(observation, measurements=plausible(observation.measurements))
    gates = _gates(draft, comparison)
    late = _late_answers(draft, evidence, comparison)
    weights = accepted_weights(observation, comparison.champion.hash, comparison.challenger.hash)
    traffic = follow_traffic(
        evidence.traffic,
        observation.measurements,
        after=evidence.window,
        share=sum(weights) / FULL_WEIGHT,
        scrape_interval=settings.scrape_interval,
    )
    expected_from = _window_of(_began(status) or evidence.at, settings) + FIRST_SCRAPES
    # The first requests say little about how many there will be.
    known = traffic if max(evidence.window, _measured_through(observation)) >= expected_from else None
    assessment = assess(
        gates,
        status.gates,
        observation.measurements,
        through=evidence.window,
        data_expected_from=expected_from,
        pace=Pace(known, weights[1] / FULL_WEIGHT, _seconds_left(draft), late.seconds_left(draft.now.timestamp())),
        settled=late.settled,
        windows_per_minute=settings.windows_per_minute,
        seen=seen_at_pods(draft.spec.judged_gates, observation, comparison, weights, _window_of(draft.now, settings)),
    )
    counted = {
        "window": assessment.through,
        "at": draft.now,
        "split": follow_split(
            evidence.split,
            weights,
            windows_of_requests(draft.spec.gates, observation, assessment.through),
            present_window=_window_of(draft.now, settings),
        ),
        "weights": late.changes,
        "requests_per_second": None if traffic is None else repr(traffic),
    }
    _note_requests(draft, observation.measurements, evidence.window, assessment.through)
    _announce_observed(draft, assessment)
    announce_restarts(draft, assessment, comparison)
    draft.change(gates=assessment.gates, evidence=evidence.model_copy(update=counted))
    return assessment


def _announce_observed(draft: Draft, assessment: Assessment) -> None:
    """Tell once what a gate that decides nothing would have rolled back."""
    known = {gate.name for gate in draft.status.gates if gate.would == ROLL_BACK}
    for gate in assessment.gates:
        if gate.would == ROLL_BACK and gate.name not in known:
            draft.announce("WouldRollBack", f"{gate.name} {gate.message}", warning=True)


def _gates(draft: Draft, comparison: Comparison) -> GateSet:
    attempt, spec, status = count_edits(draft), draft.spec, draft.status
    return gate_set(
        spec.judged_gates,
        spec.risk,
        min(attempt, _LAST_ATTEMPT),
        draft.settings.horizon(spec.strategy),
        status.evidence.history if status.evidence else (),
        figures=spec.baseline.figures,
        reference=Reference(comparison.role, comparison.champion.bento),
        windows_per_minute=draft.settings.windows_per_minute,
    )


def _late_answers(draft: Draft, evidence: EvidenceCheckpoint, comparison: Comparison) -> LateAnswers:
    route, interval = draft.observation.route, draft.settings.scrape_interval
    written = route.exposure(comparison.champion.hash), route.exposure(comparison.challenger.hash)
    present = _window_of(draft.now, draft.settings)
    awaited = awaited_windows(draft.spec.serving.request_timeout.seconds, interval)
    changes = follow_weights(evidence.weights, written, accepted=route.settled, present_window=present, awaited=awaited)
    return LateAnswers(changes, awaited, interval)


def _note_requests(draft: Draft, measurements: Mapping[str, Measurement], before: int, through: int) -> None:
    """Add up what the version under judgement answered at its present weight, or since its promotion."""
    life = life_of(draft.status)

    def since(time: datetime) -> int:
        first_whole_window = ceil(time.timestamp() / draft.settings.scrape_interval)
        return seen(measurements, after=max(before, first_whole_window - 1), through=through)

    if isinstance(life, UnderWay):
        draft.progress(life, step_requests=life.progress.step_requests + since(life.progress.step_since))
    if isinstance(life, Watched):
        requests = life.watch.requests + since(life.watch.since)
        draft.change(watch=life.watch.model_copy(update={"requests": requests}))


def _measured_through(observation: Observation) -> int:
    """The last scrape window that any gate has looked at."""
    return max((m.through for m in observation.measurements.values() if isinstance(m, Windowed | Evaluated)), default=0)


def _began(status: Status) -> datetime | None:
    """When the version under judgement got traffic of its own, or copies of it, or all of it."""
    if status.rollout:
        return status.rollout.ramping_since or status.rollout.since
    return status.watch.since if status.watch else None


def _seconds_left(draft: Draft) -> float:
    progress = draft.status.rollout
    return time_left(draft.spec.strategy, progress, draft.now).total_seconds() if progress else inf


def _window_of(time: datetime, settings: Settings) -> int:
    return floor(time.timestamp() / settings.scrape_interval)
