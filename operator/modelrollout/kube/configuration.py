"""ConfigMaps and Secrets that pods are configured with: which ones a version names, and what they hold.

A ConfigMap is copied, unchangeable, under a name made of its content, so that pods which start later find what their
version was judged with. A Secret is never copied: only whether it has changed is noted, by a digest that is
slow to guess.
"""

import hashlib
import json
from asyncio import to_thread
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from modelrollout.api.identity import shape, workload_name
from modelrollout.api.serving import Serving
from modelrollout.kube.ownership import Owner
from modelrollout.ports import CONFIG_MAP, SECRET, Forbidden, KubeClient, KubeError, Manifest, ResourceKind

READ_SECONDS = 60.0
"""For so long what was read of a ConfigMap or Secret is taken as what it holds."""

ABSENT = "absent"
"""Stands for the digest of an object that there is not."""

UNKNOWN = ""
"""Stands for the digest of an object that could not be read just now."""

_LONGEST_NAME = 253
_DIGEST_LENGTH = 16
# As RFC 7914 has it for interactive use: a password cannot be found from a digest by trying a dictionary.
_SCRYPT: Mapping[str, Any] = {"n": 2**14, "r": 8, "p": 1}

# Where core/v1 names ConfigMaps and Secrets, by the key of the object that has the name.
_NAMED: Mapping[str, tuple[ResourceKind, tuple[str, ...]]] = {
    "configMapKeyRef": (CONFIG_MAP, ("name",)),
    "configMapRef": (CONFIG_MAP, ("name",)),
    "configMap": (CONFIG_MAP, ("name",)),
    "secretKeyRef": (SECRET, ("name",)),
    "secretRef": (SECRET, ("name",)),
    "secret": (SECRET, ("secretName", "name")),
}


@dataclass(frozen=True, slots=True, order=True)
class Reference:
    """A ConfigMap or a Secret of the ModelRollout's namespace."""

    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind}/{self.name}"


@dataclass(frozen=True, slots=True)
class Content:
    """What an object held when it was read: a digest of it and, of a ConfigMap, the thing itself."""

    digest: str
    data: Mapping[str, Any] = field(default_factory=dict)


def references(serving: Serving) -> list[Reference]:
    """The ConfigMaps and Secrets that the pods of a version read, once each."""
    return sorted({Reference(kind.kind, place[key]) for kind, place, key in _places(shape(serving))})


def with_copies(template: Manifest, copies: Mapping[str, str]) -> Manifest:
    """A pod template that names copies of ConfigMaps in their place. copies: by the names of the ConfigMaps."""
    copied: Manifest = json.loads(json.dumps(template))
    for kind, place, key in _places(copied):
        if kind is CONFIG_MAP:
            place[key] = copies.get(place[key], place[key])
    return copied


def build_copy(owner: Owner, name: str, content: Content) -> Manifest:
    """The copy of a ConfigMap that holds this."""
    metadata = owner.metadata(copy_name(owner, name, content.digest))
    return {
        "apiVersion": CONFIG_MAP.api_version,
        "kind": CONFIG_MAP.kind,
        "metadata": metadata,
        "immutable": True,
        **content.data,
    }


def copy_name(owner: Owner, name: str, digest: str) -> str:
    """Name of the copy of a ConfigMap with that content."""
    return f"{workload_name(owner.name, digest[:10])}-{name}"[:_LONGEST_NAME].rstrip("-.")


@dataclass(slots=True)
class ConfigurationReader:
    """Reads ConfigMaps and Secrets by name; it never lists them. secrets: whether Secrets may be read.

    What it read stays good for a minute. clock: gives seconds.
    """

    client: KubeClient
    secrets: bool = True
    clock: Callable[[], float] = field(kw_only=True)
    _read: dict[tuple[str, Reference], tuple[float, Content | None]] = field(default_factory=dict)
    _known: dict[tuple[str, Reference], tuple[str, Content]] = field(default_factory=dict)

    async def read(self, namespace: str, wanted: Iterable[Reference]) -> dict[Reference, Content]:
        """What the objects hold; those are left out that the operator may not read."""
        found = {reference: await self._content(namespace, reference) for reference in wanted}
        return {reference: content for reference, content in found.items() if content}

    async def _content(self, namespace: str, reference: Reference) -> Content | None:
        key = namespace, reference
        if key in self._read and self.clock() - self._read[key][0] < READ_SECONDS:
            return self._read[key][1]
        content = await self._ask(namespace, reference)
        if content != Content(UNKNOWN):
            self._read[key] = self.clock(), content
        return content

    async def _ask(self, namespace: str, reference: Reference) -> Content | None:
        kind = CONFIG_MAP if reference.kind == CONFIG_MAP.kind else SECRET
        if kind is SECRET and not self.secrets:
            return None
        try:
            manifest = await self.client.get(kind, namespace, reference.name)
        except Forbidden:
            return None
        except KubeError:
            return Content(UNKNOWN)
        if manifest is None:
            return Content(ABSENT)
        version, known = manifest["metadata"].get("resourceVersion", ""), self._known.get((namespace, reference))
        if known and known[0] == version:
            return known[1]
        content = await to_thread(_content_of, namespace, reference, manifest)
        self._known[namespace, reference] = version, content
        return content


def content_in(manifest: Manifest) -> dict[str, Any]:
    """What a ConfigMap or a Secret holds."""
    return {part: manifest[part] for part in ("data", "binaryData") if manifest.get(part)}


def _content_of(namespace: str, reference: Reference, manifest: Manifest) -> Content:
    data = content_in(manifest)
    canonical = json.dumps({"name": reference.name, **data}, sort_keys=True, separators=(",", ":")).encode()
    if reference.kind == CONFIG_MAP.kind:
        return Content(hashlib.sha256(canonical).hexdigest()[:_DIGEST_LENGTH], data)
    salt = f"{namespace}/{reference}".encode()
    return Content(hashlib.scrypt(canonical, salt=salt, dklen=_DIGEST_LENGTH // 2, **_SCRYPT).hex())


def _places(part: Any) -> Iterator[tuple[ResourceKind, dict[str, Any], str]]:
    """Every place below a part of a pod that names a ConfigMap or a Secret: the object there, and the key."""
    if isinstance(part, list):
        for item in part:
            yield from _places(item)
    elif isinstance(part, dict):
        for field_, value in part.items():
            if field_ in _NAMED and isinstance(value, dict):
                kind, keys = _NAMED[field_]
                yield from ((kind, value, key) for key in keys if isinstance(value.get(key), str))
            yield from _places(value)
