"""A `KubeClient` over a dictionary, which counts generations and resource versions as an API server does."""

import copy
from collections.abc import Mapping
from typing import Any

from modelrollout.ports import FIELD_MANAGER, SERVICE, Conflict, Manifest, ResourceKind, kind_of

Key = tuple[ResourceKind, str, str]


class FakeKubeClient:
    def __init__(self, *objects: Manifest) -> None:
        self.objects: dict[Key, Manifest] = {_key(item): copy.deepcopy(item) for item in objects}
        self.requests: list[str] = []
        self._revision = 0

    async def get(self, kind: ResourceKind, namespace: str, name: str) -> Manifest | None:
        self.requests.append(f"get {name}")
        return copy.deepcopy(self.objects.get((kind, namespace, name)))

    async def list(
        self, kind: ResourceKind, namespace: str | None, labels: Mapping[str, str] | None = None
    ) -> list[Manifest]:
        self.requests.append(f"list {kind.plural}")
        return [
            copy.deepcopy(item)
            for (item_kind, item_namespace, _), item in self.objects.items()
            if item_kind == kind and namespace in (None, item_namespace) and _has(item, labels or {})
        ]

    async def create(self, manifest: Manifest) -> Manifest:
        if _key(manifest) in self.objects:
            raise Conflict(f"{manifest['metadata']['name']} already exists")
        return await self.apply(manifest)

    async def apply(self, manifest: Manifest, *, force: bool = True) -> Manifest:
        self.requests.append(f"apply {manifest['metadata']['name']}")
        live = self._live(manifest)
        before = copy.deepcopy(live)
        _set(live, manifest)
        _own(live, manifest)
        if live != before:
            self._revision += 1
            live["metadata"]["resourceVersion"] = str(self._revision)
            if kind_of(manifest) != SERVICE and live.get("spec") != before.get("spec"):
                live["metadata"]["generation"] = live["metadata"].get("generation", 0) + 1
        return copy.deepcopy(live)

    async def apply_status(self, manifest: Manifest) -> Manifest:
        self.requests.append(f"apply_status {manifest['metadata']['name']}")
        live = self._live(manifest)
        live["status"] = copy.deepcopy(manifest["status"])
        return copy.deepcopy(live)

    async def annotate(self, kind: ResourceKind, namespace: str, name: str, annotations: Mapping[str, str]) -> Manifest:
        self.requests.append(f"annotate {name}")
        live = self.objects[kind, namespace, name]
        _set(live["metadata"], {"annotations": annotations})
        return copy.deepcopy(live)

    async def merge(self, kind: ResourceKind, namespace: str, name: str, changes: Mapping[str, Any]) -> Manifest:
        self.requests.append(f"merge {name}")
        live = self.objects[kind, namespace, name]
        expected = changes.get("metadata", {}).get("resourceVersion")
        if expected not in (None, live["metadata"].get("resourceVersion")):
            raise Conflict(f"{name} has changed")
        before = copy.deepcopy(live.get("spec"))
        _merge_patch(live, changes)
        self._revision += 1
        live["metadata"]["resourceVersion"] = str(self._revision)
        if live.get("spec") != before:
            live["metadata"]["generation"] = live["metadata"].get("generation", 0) + 1
        return copy.deepcopy(live)

    async def delete(self, kind: ResourceKind, namespace: str, name: str, uid: str) -> None:
        self.requests.append(f"delete {name}")
        current = self.objects.get((kind, namespace, name))
        if current and current["metadata"]["uid"] == uid:
            del self.objects[kind, namespace, name]

    def _live(self, manifest: Manifest) -> Manifest:
        key = _key(manifest)
        if key not in self.objects:
            head = {field: manifest[field] for field in ("apiVersion", "kind")}
            self.objects[key] = {**head, "metadata": {"uid": f"uid-{len(self.objects)}-{key[2]}"}}
        return self.objects[key]


def _has(item: Manifest, labels: Mapping[str, str]) -> bool:
    found = item["metadata"].get("labels", {})
    return all(key in found and value in ("", found[key]) for key, value in labels.items())


def _key(manifest: Manifest) -> Key:
    return kind_of(manifest), manifest["metadata"]["namespace"], manifest["metadata"]["name"]


def _own(live: Manifest, manifest: Manifest) -> None:
    """Note who has set which fields, for lists as a whole."""
    fields = {key: value for key, value in manifest.items() if key not in ("apiVersion", "kind")}
    entry = {"manager": FIELD_MANAGER, "operation": "Apply", "fieldsV1": _field_set(fields)}
    live["metadata"]["managedFields"] = [entry]


def _field_set(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {f"f:{key}": _field_set(value) if isinstance(value, Mapping) else {} for key, value in fields.items()}


def _merge_patch(target: dict[str, Any], changes: Mapping[str, Any]) -> None:
    for key, value in changes.items():
        if value is None:
            target.pop(key, None)
        elif isinstance(value, Mapping):
            if not isinstance(target.get(key), dict):
                target[key] = {}
            _merge_patch(target[key], value)
        else:
            target[key] = copy.deepcopy(value)


def _set(target: dict[str, Any], fields: Mapping[str, Any]) -> None:
    for key, value in fields.items():
        if isinstance(value, Mapping) and isinstance(target.get(key), dict):
            _set(target[key], value)
        else:
            target[key] = copy.deepcopy(value)
