"""What a ModelRollout asks for, where its own words do not say: by what it asked for before."""

from asyncio import to_thread
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from modelrollout.api.parsing import parse_rollout
from modelrollout.api.rollout import ModelRollout
from modelrollout.api.status import Status
from modelrollout.api.validation import Problem
from modelrollout.kube.snapshots import Snapshot, Snapshots
from modelrollout.ports import Manifest


@dataclass(frozen=True, slots=True)
class Understood:
    """A ModelRollout that can be decided about.

    spec: that of `rollout` as it was written: the present one, or the last valid one if `problems` says what is wrong
        with the present one.
    predecessor: what an earlier ModelRollout of this name left, while this one has decided nothing.
    """

    rollout: ModelRollout
    spec: Mapping[str, Any]
    problems: Sequence[Problem] = ()
    predecessor: Snapshot | None = None


async def understand(manifest: Manifest, snapshots: Snapshots) -> Understood | list[Problem]:
    """What a ModelRollout asks for, or what is wrong with it if no valid spec of it is known. Raises KubeError.

    Parsed in a thread: a large one must not hold the event loop up.
    """
    parsed = await to_thread(parse_rollout, manifest)
    metadata = manifest["metadata"]
    if isinstance(parsed, ModelRollout):
        if parsed.status.champion is not None:
            return Understood(parsed, manifest["spec"])
        predecessor = await snapshots.read(metadata["namespace"], metadata["name"])
        return Understood(_succeeding(parsed, predecessor), manifest["spec"], predecessor=predecessor)
    if (snapshot := await snapshots.read(metadata["namespace"], metadata["name"])) is None:
        return parsed
    before = await to_thread(parse_rollout, {**manifest, "spec": snapshot.spec})
    if not isinstance(before, ModelRollout):
        return parsed
    predecessor = None if before.status.champion else snapshot
    return Understood(_succeeding(before, predecessor), snapshot.spec, parsed, predecessor)


def _succeeding(rollout: ModelRollout, predecessor: Snapshot | None) -> ModelRollout:
    """Commands that the predecessor has carried out are not carried out again: they may be in the same manifest."""
    if predecessor is None or rollout.status.handled:
        return rollout
    status = Status.model_copy(rollout.status, update={"handled": predecessor.handled})
    return rollout.model_copy(update={"status": status})
