"""A status that somebody edited by hand, or that another release wrote: what of it can be meant."""

import re
from datetime import datetime
from math import floor

from modelrollout.api.evidence import EvidenceCheckpoint
from modelrollout.api.status import RetiringVersion, RolloutProgress, Stage, Version
from modelrollout.rollout.capacity import FULL_WEIGHT
from modelrollout.rollout.comparison import largest_comparable_weight
from modelrollout.rollout.draft import Draft
from modelrollout.rollout.ramp import first_weight
from modelrollout.rollout.split import is_readable

# Names of Deployments and patterns of pods are made of it.
_HASH = re.compile("[a-z0-9]{1,32}")
_STAGES = frozenset({Stage.PREPARING, Stage.SHADOWING, Stage.RAMPING, Stage.PROMOTING})
_TIMES = ("started_at", "since", "ramping_since", "not_ready_since", "metrics_unavailable_since", "step_since")
# Windows by which clocks may differ; evidence that was counted further ahead would never go on.
_WINDOWS_AHEAD = 20


def repair(draft: Draft) -> None:
    """Bring the status into a state that decisions can go on from, and say what was left out of it.

    What runs is not touched by it: at worst a rollout begins anew from its first weight.
    """
    before = draft.status
    _drop_unusable_versions(draft)
    _drop_halves(draft)
    _bound(draft)
    problem = draft.observation.status_problem
    if draft.status != before:
        problem = "; ".join(filter(None, [problem, "parts of it contradicted each other"]))
    if problem:
        draft.announce("StatusRepaired", f"The status was not one that this operator writes: {problem}", warning=True)


def _drop_unusable_versions(draft: Draft) -> None:
    status, baseline = draft.status, draft.status.baseline
    draft.change(
        champion=_usable(status.champion),
        challenger=_usable(status.challenger),
        previous=_usable(status.previous),
        baseline=baseline if baseline and baseline.replicas > 0 and _usable(baseline) else None,
        retiring=tuple(retiring for retiring in status.retiring if _usable(retiring)),
    )


def _usable(version: Version | None) -> Version | None:
    return version if version and _HASH.fullmatch(version.hash) else None


def _drop_halves(draft: Draft) -> None:
    """A rollout has a champion, a challenger and a progress; a watch has a champion and the one before it."""
    status = draft.status
    champion, challenger, previous = status.champion, status.challenger, status.previous
    if champion is None and previous is not None:
        draft.change(champion=previous, previous=None, watch=None, gates=(), evidence=None)
        champion, previous = previous, None
    rollout = status.rollout
    whole = champion and challenger and rollout and challenger.hash != champion.hash and rollout.stage in _STAGES
    if (challenger or rollout) and not whole:
        draft.change(challenger=None, rollout=None, weight=None, gates=(), evidence=None)
        _let_go(draft, challenger)
    watched = champion and previous and status.watch and previous.hash != champion.hash and not whole
    if (previous or status.watch) and not watched:
        draft.change(previous=None, watch=None)
        _let_go(draft, previous)
    in_use = {v.hash for v in (draft.status.champion, draft.status.challenger, draft.status.previous) if v}
    kept = {retiring.hash: retiring for retiring in draft.status.retiring if retiring.hash not in in_use}
    if len(kept) != len(draft.status.retiring):
        draft.change(retiring=tuple(kept.values()))


def _let_go(draft: Draft, version: Version | None) -> None:
    if version:
        draft.change(retiring=(*draft.status.retiring, RetiringVersion(**dict(version.revision), since=draft.now)))


def _bound(draft: Draft) -> None:
    """Weights are percentages, and nothing happened in the future."""
    status = draft.status
    if status.rollout:
        first = first_weight(draft.spec.strategy, largest_comparable_weight(draft.spec))
        draft.change(rollout=_bounded(status.rollout, first, draft.now))
    if status.evidence and not _is_countable(status.evidence, draft):
        draft.change(gates=(), evidence=EvidenceCheckpoint(window=_window(draft), at=draft.now))
    if status.serving_since and status.serving_since > draft.now:
        draft.change(serving_since=draft.now)


def _bounded(progress: RolloutProgress, first: int, now: datetime) -> RolloutProgress:
    times = {name: now for name in _TIMES if (time := getattr(progress, name)) is not None and time > now}
    numbers = {
        "target_weight": progress.target_weight if 0 < progress.target_weight <= FULL_WEIGHT else first,
        "step": max(progress.step, 0),
        "attempt": max(progress.attempt, 1),
    }
    return progress.model_copy(update=times | numbers)


def _is_countable(evidence: EvidenceCheckpoint, draft: Draft) -> bool:
    latest = max(evidence.window, evidence.weights.changed if evidence.weights else 0)
    return evidence.window >= 0 and latest <= _window(draft) + _WINDOWS_AHEAD and is_readable(evidence.split)


def _window(draft: Draft) -> int:
    return floor(draft.now.timestamp() / draft.settings.scrape_interval)
