"""What a ModelRollout asks for, where its own words do not say: by what it asked for before."""

from asyncio import to_thread
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from modelrollout.api.parsing import parse_rollout
from modelrollout.api.rollout import ModelRollout
from modelrollout.api.serving import Serving
from modelrollout.api.status import Status
from modelrollout.api.validation import Problem
from modelrollout.kube.snapshots import Snapshot, Snapshots
from modelrollout.ports import Manifest
from modelrollout.rollout.revisions import says_how_versions_are_served


@dataclass(frozen=True, slots=True)
class Understood:
    """A ModelRollout that can be decided about.

    spec: that of `rollout` as it was written: the present one, or the last valid one if `problems` says what is wrong
        with the present one.
    predecessor: what an earlier ModelRollout of this name left, while this one has decided nothing.
    served_before: how an earlier release, which did not note it, served the versions of the status or of the
        predecessor; None if they say it themselves.
    """

    rollout: ModelRollout
    spec: Mapping[str, Any]
    problems: Sequence[Problem] = ()
    predecessor: Snapshot | None = None
    served_before: Serving | None = None


async def understand(manifest: Manifest, snapshots: Snapshots) -> Understood | list[Problem]:
    """What a ModelRollout asks for, or what is wrong with it if no valid spec of it is known. Raises KubeError.

    Parsed in a thread: a large one must not hold the event loop up.
    """
    parsed = await to_thread(parse_rollout, manifest)
    metadata = manifest["metadata"]
    if isinstance(parsed, ModelRollout):
        if parsed.status.champion is not None and says_how_versions_are_served(parsed.status):
            return Understood(parsed, manifest["spec"])
        snapshot = await snapshots.read(metadata["namespace"], metadata["name"])
        served_before = await _served_before(manifest, snapshot)
        if parsed.status.champion is not None:
            return Understood(parsed, manifest["spec"], served_before=served_before)
        return Understood(_succeeding(parsed, snapshot), manifest["spec"], (), snapshot, served_before)
    if (snapshot := await snapshots.read(metadata["namespace"], metadata["name"])) is None:
        return parsed
    before = await to_thread(parse_rollout, {**manifest, "spec": snapshot.spec})
    if not isinstance(before, ModelRollout):
        return parsed
    predecessor = None if before.status.champion else snapshot
    return Understood(_succeeding(before, predecessor), snapshot.spec, parsed, predecessor, before.spec.serving)


async def _served_before(manifest: Manifest, snapshot: Snapshot | None) -> Serving | None:
    """How versions were served by the last valid spec; None if that is not known."""
    if snapshot is None:
        return None
    before = await to_thread(parse_rollout, {**manifest, "spec": snapshot.spec})
    return before.spec.serving if isinstance(before, ModelRollout) else None


def _succeeding(rollout: ModelRollout, predecessor: Snapshot | None) -> ModelRollout:
    """Commands that the predecessor has carried out are not carried out again: they may be in the same manifest."""
    if predecessor is None or rollout.status.handled:
        return rollout
    status = Status.model_copy(rollout.status, update={"handled": predecessor.handled})
    return rollout.model_copy(update={"status": status})
