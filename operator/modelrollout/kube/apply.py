"""Bring the objects of a ModelRollout in line with what is wanted, with as few writes as possible."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from modelrollout.kube.ownership import Owner
from modelrollout.ports import Conflict, KubeClient, Manifest, describe, kind_of
from modelrollout_contract.objects import GROUP


@dataclass(frozen=True, slots=True)
class _Applied:
    """What was last applied to an object, and the marker of the object that came of it."""

    digest: str
    marker: str


class Applier:
    """Applies and prunes the objects of ModelRollouts.

    Remembers what it applied, so that an object which still is as it was left costs no request. Only an
    optimisation: without the memory, after a restart, the server finds that nothing changes.
    """

    def __init__(self, client: KubeClient) -> None:
        self._client = client
        self._applied: defaultdict[str, dict[str, _Applied]] = defaultdict(dict)

    async def apply(self, owner: Owner, desired: Manifest, observed: Manifest | None) -> Manifest:
        """Make the object as desired, unless `observed` shows that it is. Returns the object as it then is.

        `observed` is the object as just read, or None if it was not among the objects that carry our labels.
        Raises Conflict if an object of that name is not controlled by `owner`; it is then left untouched.
        """
        metadata = desired["metadata"]
        if observed is None:
            observed = await self._client.get(kind_of(desired), metadata["namespace"], metadata["name"])
        if observed is None:
            # Should someone else create the object right now, their fields make this a conflict.
            live = await self._client.apply(desired, force=False)
        elif not owner.owns(observed):
            raise Conflict(f"{describe(desired)} exists and is not managed by this ModelRollout")
        elif self._is_as_left(owner, desired, observed):
            return observed
        else:
            uid = observed["metadata"]["uid"]
            live = await self._client.apply({**desired, "metadata": {**metadata, "uid": uid}})
        self._applied[owner.uid][live["metadata"]["uid"]] = _Applied(_digest(desired), _marker(live))
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
            self._applied[owner.uid].pop(metadata["uid"], None)
            pruned.append(manifest)
        return pruned

    def forget(self, owner_uid: str) -> None:
        """Drop what is remembered of a ModelRollout that is gone."""
        self._applied.pop(owner_uid, None)

    def _is_as_left(self, owner: Owner, desired: Manifest, observed: Manifest) -> bool:
        applied = self._applied[owner.uid].get(observed["metadata"]["uid"])
        return (
            applied == _Applied(_digest(desired), _marker(observed))
            # A generation does not count changes of metadata.
            and _contains(observed, desired, "labels")
            and _contains(observed, desired, "annotations")
        )


def _digest(manifest: Manifest) -> str:
    canonical = json.dumps(manifest, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def _marker(live: Manifest) -> str:
    """Changes whenever the object's spec does, and for kinds that count generations not with its status."""
    metadata = live["metadata"]
    return str(metadata["generation"] if "generation" in metadata else metadata["resourceVersion"])


def _contains(observed: Manifest, desired: Manifest, part: str) -> bool:
    """Whether what we find objects and versions by is as desired. Policies may rewrite the rest."""
    present = observed["metadata"].get(part, {})
    wanted = desired["metadata"].get(part, {})
    return all(present.get(key) == value for key, value in wanted.items() if key.startswith(f"{GROUP}/"))


def _identity(manifest: Manifest) -> tuple[str, str]:
    return manifest["kind"], manifest["metadata"]["name"]
