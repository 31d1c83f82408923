"""The objects of ModelRollouts as the watches have shown them, so that a look at one costs no request.

What is read here may be a moment old. That does no harm: a status is written with the resourceVersion that was read,
and all other writes follow from a status.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from modelrollout.ports import MODEL_ROLLOUT, Conflict, KubeClient, Manifest, ResourceKind, kind_of
from modelrollout_contract.objects import ROLLOUT_LABEL

_Place = tuple[ResourceKind, str, str]


@dataclass(slots=True)
class ObjectCache:
    """Objects of some kinds by namespace and name, and by the ModelRollout that they were made for.

    Nobody may change what is in here. kinds: those whose watches fill it.
    """

    kinds: Collection[ResourceKind]
    _objects: dict[_Place, Manifest] = field(default_factory=dict)
    _made_for: defaultdict[_Place, dict[str, Manifest]] = field(default_factory=lambda: defaultdict(dict))
    _changed: dict[_Place, int] = field(default_factory=dict)
    _changes: int = 0

    def get(self, kind: ResourceKind, namespace: str, name: str) -> Manifest | None:
        """An object, None if none was seen."""
        return self._objects.get((kind, namespace, name))

    def made_for(self, kind: ResourceKind, namespace: str, rollout: str) -> list[Manifest]:
        """All objects of a kind that carry the label of a ModelRollout."""
        return list(self._made_for.get((kind, namespace, rollout), {}).values())

    def of_kind(self, kind: ResourceKind) -> list[Manifest]:
        """All objects of a kind."""
        return [manifest for (of_kind, _, _), manifest in self._objects.items() if of_kind == kind]

    def put(self, manifest: Manifest) -> bool:
        """Take an object in, unless what is here is as new. Returns whether it was taken in."""
        place = _place(manifest)
        known = self._objects.get(place)
        if known is not None and _is_same_or_older(manifest, known):
            return False
        if known is not None:
            self._remove(place, known)
        self._objects[place] = manifest
        kind, namespace, name = place
        if rollout := manifest["metadata"].get("labels", {}).get(ROLLOUT_LABEL):
            self._made_for[kind, namespace, rollout][name] = manifest
        self._note(place)
        return True

    def drop(self, manifest: Manifest) -> None:
        """Forget an object that is gone. One of the same name that was made since stays."""
        place = _place(manifest)
        known = self._objects.get(place)
        if known is not None and known["metadata"]["uid"] == manifest["metadata"]["uid"]:
            del self._objects[place]
            self._remove(place, known)
        self._note(place)

    async def refresh(self, client: KubeClient, namespaces: Iterable[str | None]) -> None:
        """Read all kinds anew, as a watch that was interrupted may have missed what was removed meanwhile.

        client: reads from the API server. namespaces: those that are watched, None for all. Raises KubeError.
        """
        for kind in self.kinds:
            labels = None if kind == MODEL_ROLLOUT else {ROLLOUT_LABEL: ""}
            for namespace in namespaces:
                before = self._changes
                self._replace(kind, namespace, await client.list(kind, namespace, labels), before)

    def _replace(self, kind: ResourceKind, namespace: str | None, listed: Iterable[Manifest], before: int) -> None:
        """Bring the objects in line with a list that was begun after so many changes.

        What the watches have told of since then is newer than the list.
        """
        found = {_place(manifest): manifest for manifest in listed}
        known = [place for place in self._objects if place[0] == kind and namespace in (None, place[1])]
        for place in {*known, *found}:
            if self._changed.get(place, 0) > before:
                continue
            if place in found:
                self.put(found[place])
            else:
                self.drop(self._objects[place])
        self._changed = {place: change for place, change in self._changed.items() if place in self._objects}

    def _remove(self, place: _Place, known: Manifest) -> None:
        kind, namespace, name = place
        if rollout := known["metadata"].get("labels", {}).get(ROLLOUT_LABEL):
            made = self._made_for[kind, namespace, rollout]
            made.pop(name, None)
            if not made:
                del self._made_for[kind, namespace, rollout]

    def _note(self, place: _Place) -> None:
        self._changes += 1
        self._changed[place] = self._changes


class CachedClient:
    """A `KubeClient` that reads from a cache what is watched, and puts in there what its writes come back with."""

    def __init__(self, client: KubeClient, cache: ObjectCache) -> None:
        self._client = client
        self._cache = cache

    async def get(self, kind: ResourceKind, namespace: str, name: str) -> Manifest | None:
        """As any client; what was not seen is asked for, since only objects with our labels are watched."""
        return self._cache.get(kind, namespace, name) or await self._client.get(kind, namespace, name)

    async def list(
        self, kind: ResourceKind, namespace: str | None, labels: Mapping[str, str] | None = None
    ) -> list[Manifest]:
        """As any client; from the cache if the objects of one ModelRollout are meant."""
        rollout = (labels or {}).get(ROLLOUT_LABEL)
        if rollout is None or namespace is None or kind not in self._cache.kinds:
            return await self._client.list(kind, namespace, labels)
        return self._cache.made_for(kind, namespace, rollout)

    async def create(self, manifest: Manifest) -> Manifest:
        return self._took(await self._client.create(manifest))

    async def apply(self, manifest: Manifest, *, force: bool = True) -> Manifest:
        return self._took(await self._client.apply(manifest, force=force))

    async def apply_status(self, manifest: Manifest) -> Manifest:
        """As any client. After a Conflict the object is read anew, in case no watch tells of it."""
        try:
            return self._took(await self._client.apply_status(manifest))
        except Conflict:
            if (live := await self._client.get(*_place(manifest))) is not None:
                self._took(live)
            raise

    async def annotate(self, kind: ResourceKind, namespace: str, name: str, annotations: Mapping[str, str]) -> Manifest:
        return self._took(await self._client.annotate(kind, namespace, name, annotations))

    async def merge(self, kind: ResourceKind, namespace: str, name: str, changes: Mapping[str, Any]) -> Manifest:
        return self._took(await self._client.merge(kind, namespace, name, changes))

    async def delete(self, kind: ResourceKind, namespace: str, name: str, uid: str) -> None:
        await self._client.delete(kind, namespace, name, uid)
        known = self._cache.get(kind, namespace, name)
        if known is not None and known["metadata"]["uid"] == uid:
            self._cache.drop(known)

    def _took(self, live: Manifest) -> Manifest:
        if kind_of(live) in self._cache.kinds:
            self._cache.put(live)
        return live


def _place(manifest: Manifest) -> _Place:
    return kind_of(manifest), manifest["metadata"]["namespace"], manifest["metadata"]["name"]


def _is_same_or_older(manifest: Manifest, known: Manifest) -> bool:
    """By resource versions, which are numbers that grow: KEP-5504, Comparable Resource Version."""
    new, old = (item["metadata"].get("resourceVersion", "") for item in (manifest, known))
    if manifest["metadata"]["uid"] == known["metadata"]["uid"] and new == old:
        return True
    return bool(new.isdigit() and old.isdigit() and int(new) < int(old))
