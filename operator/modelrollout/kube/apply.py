"""Bring the objects of a ModelRollout in line with what is wanted, with as few writes as possible."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from time import monotonic

from modelrollout.kube.comparison import has_own_metadata, is_as_desired
from modelrollout.kube.ownership import Owner
from modelrollout.ports import Conflict, Forbidden, Invalid, KubeClient, Manifest, describe, kind_of

REFUSAL_SECONDS = 60.0
"""For so long, what the API server has refused is not asked of it again: quotas and policies change seldom."""

_Identity = tuple[str, str]


@dataclass(frozen=True, slots=True)
class _Applied:
    """What was last applied to an object, and the marker of the object that came of it."""

    digest: str
    marker: str


@dataclass(frozen=True, slots=True)
class _Refused:
    """What was refused, of which object, why, and until when it is not tried again."""

    digest: str
    marker: str
    error: Invalid | Forbidden
    until: float


@dataclass(frozen=True, slots=True)
class _Memory:
    """What is remembered of one ModelRollout's objects."""

    applied: dict[str, _Applied] = field(default_factory=dict)
    refused: dict[_Identity, _Refused] = field(default_factory=dict)


class Applier:
    """Applies and prunes the objects of ModelRollouts.

    An object that is as desired costs no request. What it applied it remembers only for objects that others change on
    their way to the store, what was refused only so as not to ask again at once. `clock` gives seconds.
    """

    def __init__(self, client: KubeClient, clock: Callable[[], float] = monotonic) -> None:
        self._client = client
        self._clock = clock
        self._memories: defaultdict[str, _Memory] = defaultdict(_Memory)

    async def apply(self, owner: Owner, desired: Manifest, observed: Manifest | None) -> Manifest:
        """Make the object as desired, unless `observed` shows that it is. Returns the object as it then is.

        `observed` is the object as just read, or None if it was not among the objects that carry our labels. What a
        ModelRollout of the same name left behind is taken over. Raises Conflict if an object of that name is someone
        else's; it is then left untouched. Raises Invalid or Forbidden again, without asking, for what was refused
        within the last minute.
        """
        memory, metadata = self._memories[owner.uid], desired["metadata"]
        if observed is None:
            observed = await self._client.get(kind_of(desired), metadata["namespace"], metadata["name"])
        if observed is not None and not (owner.owns(observed) or owner.inherits(observed)):
            raise Conflict(f"{describe(desired)} exists and is not managed by this ModelRollout")
        if observed is not None and _is_as_left(memory, desired, observed):
            return observed
        live = await self._try(memory, desired, observed)
        memory.applied[live["metadata"]["uid"]] = _Applied(_digest(desired), _marker(live))
        return live

    async def prune(self, owner: Owner, observed: Iterable[Manifest], desired: Iterable[Manifest]) -> list[Manifest]:
        """Delete those of the observed objects that `owner` controls and no longer wants. Returns them."""
        wanted = {_identity(manifest) for manifest in desired}
        pruned = []
        for manifest in observed:
            metadata = manifest["metadata"]
            if _identity(manifest) in wanted or not owner.owns(manifest) or "deletionTimestamp" in metadata:
                continue
            await self._client.delete(kind_of(manifest), metadata["namespace"], metadata["name"], metadata["uid"])
            self._memories[owner.uid].applied.pop(metadata["uid"], None)
            pruned.append(manifest)
        return pruned

    def forget(self, owner_uid: str) -> None:
        """Drop what is remembered of a ModelRollout that is gone."""
        self._memories.pop(owner_uid, None)

    async def _try(self, memory: _Memory, desired: Manifest, observed: Manifest | None) -> Manifest:
        """Apply, unless the API server has just refused the same."""
        identity, digest = _identity(desired), _digest(desired)
        marker = _marker(observed) if observed else ""
        earlier = memory.refused.get(identity)
        if earlier and (earlier.digest, earlier.marker) == (digest, marker) and self._clock() < earlier.until:
            raise earlier.error
        try:
            live = await self._apply(desired, observed)
        except (Invalid, Forbidden) as error:
            memory.refused[identity] = _Refused(digest, marker, error, self._clock() + REFUSAL_SECONDS)
            raise
        memory.refused.pop(identity, None)
        return live

    async def _apply(self, desired: Manifest, observed: Manifest | None) -> Manifest:
        if observed is None:
            # Should someone else create the object right now, their fields make this a conflict.
            return await self._client.apply(desired, force=False)
        # The uid: not to make anew what someone has just deleted.
        metadata = {**desired["metadata"], "uid": observed["metadata"]["uid"]}
        return await self._client.apply({**desired, "metadata": metadata})


def _is_as_left(memory: _Memory, desired: Manifest, observed: Manifest) -> bool:
    if _owners(observed) != _owners(desired):
        return False
    if "deletionTimestamp" in observed["metadata"] or is_as_desired(observed, desired):
        return True
    # Others may have changed on the way what was applied, as admission webhooks do: doing it again would not help.
    applied = memory.applied.get(observed["metadata"]["uid"])
    # A generation does not count changes of metadata.
    return applied == _Applied(_digest(desired), _marker(observed)) and has_own_metadata(observed, desired)


def _owners(manifest: Manifest) -> set[str]:
    references = manifest["metadata"].get("ownerReferences", ())
    return {reference["uid"] for reference in references if reference.get("controller")}


def _digest(manifest: Manifest) -> str:
    canonical = json.dumps(manifest, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def _marker(live: Manifest) -> str:
    """Changes whenever the object's spec does, and for kinds that count generations not with its status."""
    metadata = live["metadata"]
    return str(metadata["generation"] if "generation" in metadata else metadata["resourceVersion"])


def _identity(manifest: Manifest) -> _Identity:
    return manifest["kind"], manifest["metadata"]["name"]
