"""The simple service that a challenger may be compared with, in place of the champion."""

from modelrollout.api.status import BaselineVersion
from modelrollout.rollout.draft import Draft
from modelrollout.rollout.revisions import known
from modelrollout.rollout.transitions import deploy_baseline, retire_baseline


def follow_baseline(draft: Draft) -> None:
    """Have the baseline that the spec names beside a rollout and its watch, and none at other times."""
    wanted, current = _wanted(draft), draft.status.baseline
    if current and (wanted is None or wanted.hash != current.hash):
        retire_baseline(draft, current)
    if wanted and wanted != current:
        deploy_baseline(draft, wanted)


def _wanted(draft: Draft) -> BaselineVersion | None:
    spec, status = draft.spec, draft.status
    service = spec.baseline.service
    if service is None or not (status.challenger or status.previous):
        return None
    version = known(service, spec.serving, status, draft.observation)
    if version.hash in {present.hash for present in (status.champion, status.challenger, status.previous) if present}:
        # It is there already, with traffic of its own.
        return None
    return BaselineVersion(**dict(version), weight=service.weight, replicas=service.replicas)
