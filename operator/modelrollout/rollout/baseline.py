"""The simple service that a challenger may be compared with, in place of the champion."""

from modelrollout.api.identity import version_of
from modelrollout.api.spec import ModelRolloutSpec
from modelrollout.api.status import BaselineVersion, Status
from modelrollout.rollout.draft import Draft
from modelrollout.rollout.transitions import deploy_baseline, retire_baseline


def follow_baseline(draft: Draft) -> None:
    """Have the baseline that the spec names beside a rollout and its watch, and none at other times."""
    wanted, current = _wanted(draft.spec, draft.status), draft.status.baseline
    if current and (wanted is None or wanted.hash != current.hash):
        retire_baseline(draft, current)
    if wanted and wanted != current:
        deploy_baseline(draft, wanted)


def _wanted(spec: ModelRolloutSpec, status: Status) -> BaselineVersion | None:
    service = spec.baseline.service
    if service is None or not (status.challenger or status.previous):
        return None
    version = version_of(service)
    if version.hash in {present.hash for present in (status.champion, status.challenger, status.previous) if present}:
        # It is there already, with traffic of its own.
        return None
    return BaselineVersion(
        bento=version.bento, image=version.image, hash=version.hash, weight=service.weight, replicas=service.replicas
    )
