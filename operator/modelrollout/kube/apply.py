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

URGENT_SECONDS = 1.0
"""The same for what cannot wait: the next look asks again, however many events call for looks."""

_Identity = tuple[str, str]


@dataclass(frozen=True, slots=True)
class _Applied:
    """What was last applied to an object, the marker of the object that came of it, and when that was."""

    digest: str
    marker: str
    at: float


@dataclass(frozen=True, slots=True)
class _Refused:
    """What an object was like when a change of it was refused, why it was, and when."""

    marker: str
    error: Invalid | Forbidden
    at: float


@dataclass(frozen=True, slots=True)
class _Memory:
    """What is remembered of one ModelRollout's objects: applied by uid, refused by the digest of what was asked for."""

    applied: dict[str, _Applied] = field(default_factory=dict)
    refused: dict[str, _Refused] = field(default_factory=dict)

    def note_refusal(self, digest: str, refusal: _Refused) -> None:
        """Keep it, and no longer keep those that have lost their meaning."""
        for old in [key for key, earlier in self.refused.items() if refusal.at - earlier.at >= REFUSAL_SECONDS]:
            del self.refused[old]
        self.refused[digest] = refusal


class Applier:
    """Applies and prunes the objects of ModelRollouts.

    An object that is as desired costs no request. What it applied it remembers only for objects that others change on
    their way to the store, what was refused only so as not to ask again at once. `clock` gives seconds.
    """

    def __init__(self, client: KubeClient, clock: Callable[[], float] = monotonic) -> None:
        self._client = client
        self._clock = clock
        self._memories: defaultdict[str, _Memory] = defaultdict(_Memory)

    async def apply(
        self, owner: Owner, desired: Manifest, observed: Manifest | None, *, urgent: bool = False
    ) -> Manifest:
        """Make the object as desired, unless `observed` shows that it is. Returns the object as it then is.

        `observed` is the object as just read, or None if it was not among the objects that carry our labels. What a
        ModelRollout of the same name left behind is taken over. Raises Conflict if an object of that name is someone
        else's; it is then left untouched. Raises Invalid or Forbidden again, without asking, for what was refused
        within the last minute.

        urgent: whether what was refused, or came out otherwise than it was applied, is tried again after a second.
        """
        memory, metadata = self._memories[owner.uid], desired["metadata"]
        if observed is None:
            observed = await self._client.get(kind_of(desired), metadata["namespace"], metadata["name"])
        if observed is not None and not (owner.owns(observed) or owner.inherits(observed)):
            raise Conflict(f"{describe(desired)} exists and is not managed by this ModelRollout")
        if observed is not None and self._is_as_left(memory, desired, observed, urgent):
            return observed
        live = await self._try(memory, desired, observed, URGENT_SECONDS if urgent else REFUSAL_SECONDS)
        memory.applied[live["metadata"]["uid"]] = _Applied(_digest(desired), _marker(live), self._clock())
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

    def _is_as_left(self, memory: _Memory, desired: Manifest, observed: Manifest, urgent: bool) -> bool:
        if _owners(observed) != _owners(desired):
            return False
        if "deletionTimestamp" in observed["metadata"] or is_as_desired(observed, desired):
            return True
        # Others may have changed on the way what was applied, as admission webhooks do: doing it again would not help.
        applied = memory.applied.get(observed["metadata"]["uid"])
        if applied is None or (applied.digest, applied.marker) != (_digest(desired), _marker(observed)):
            return False
        if urgent and self._clock() - applied.at >= URGENT_SECONDS:
            return False
        # A generation does not count changes of metadata.
        return has_own_metadata(observed, desired)

    async def _try(self, memory: _Memory, desired: Manifest, observed: Manifest | None, patience: float) -> Manifest:
        """Apply, unless the API server has refused the same within the last `patience` seconds."""
        digest, marker = _digest(desired), _marker(observed) if observed else ""
        earlier = memory.refused.get(digest)
        if earlier and earlier.marker == marker and self._clock() - earlier.at < patience:
            raise earlier.error
        try:
            live = await self._apply(desired, observed)
        except (Invalid, Forbidden) as error:
            memory.note_refusal(digest, _Refused(marker, error, self._clock()))
            raise
        memory.refused.pop(digest, None)
        return live

    async def _apply(self, desired: Manifest, observed: Manifest | None) -> Manifest:
        if observed is None:
            # Should someone else create the object right now, their fields make this a conflict.
            return await self._client.apply(desired, force=False)
        # The uid: not to make anew what someone has just deleted.
        metadata = {**desired["metadata"], "uid": observed["metadata"]["uid"]}
        return await self._client.apply({**desired, "metadata": metadata})


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
