"""What outlives a ModelRollout: its last valid spec, what its versions are to it, and what it has carried out.

Kept as a ControllerRevision that nobody owns. So a ModelRollout that is deleted and made again, as `kubectl replace
--force` and Argo CD's `Replace` do, or restored from a backup without its status, knows which version served, which one
was on probation and which ones were found bad; and an edit that makes no sense does not end the judging of what runs.
"""

import hashlib
import json
import logging
from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import Field, ValidationError

from modelrollout.api.base import ApiModel
from modelrollout.api.status import QUARANTINE_LIMIT, QuarantinedVersion, Role, Status, Version
from modelrollout.kube.ownership import Owner
from modelrollout.kube.revisions import Revision
from modelrollout.ports import CONTROLLER_REVISION, Forbidden, KubeClient, Manifest
from modelrollout.rollout.observation import FoundVersion
from modelrollout_contract.objects import ROLLOUT_LABEL, SNAPSHOT_LABEL

_LOG = logging.getLogger(__name__)

_LAST = "last"

SNAPSHOTS = {SNAPSHOT_LABEL: _LAST}
"""Labels by which all snapshots are found."""


class NotedVersion(Version):
    """A version and what it was to the ModelRollout. made_of: its revision, absent in what an earlier release wrote."""

    role: Role
    made_of: Revision | None = None


class Snapshot(ApiModel):
    """The content of the ControllerRevision.

    spec: the last one that was valid, as it was written.
    versions: none before the first one has served.
    """

    spec: dict[str, Any]
    versions: tuple[NotedVersion, ...] = ()
    quarantine: Annotated[tuple[QuarantinedVersion, ...], Field(max_length=QUARANTINE_LIMIT)] = ()
    handled: dict[str, str] = Field(default_factory=dict)

    @classmethod
    def of(cls, spec: Mapping[str, Any], status: Status, revisions: Mapping[str, Revision] | None = None) -> Self:
        """What is to outlive a ModelRollout of this spec and status. revisions: of its versions, by hash."""
        versions = _noted(status, revisions or {}) if status.serving_since else ()
        return cls(spec=dict(spec), versions=versions, quarantine=status.quarantine, handled=status.handled)

    @property
    def found(self) -> tuple[FoundVersion, ...]:
        """The versions, for a ModelRollout that knows none."""
        return tuple(FoundVersion(noted.revision, noted.role) for noted in self.versions)

    def made_of(self, version_hash: str) -> Revision | None:
        """The revision of one of the versions, None if it was not noted."""
        return next((noted.made_of for noted in self.versions if noted.hash == version_hash), None)


class Snapshots:
    """Reads and writes snapshots. Remembers only which one was written last, so as not to write it again."""

    def __init__(self, client: KubeClient) -> None:
        self._client = client
        self._written: dict[str, Snapshot] = {}

    async def read(self, namespace: str, name: str) -> Snapshot | None:
        """The last snapshot of a ModelRollout of that name; None if there is none that can be read.

        An installation with Roles of its own may lack the right to it: rollouts go on without.
        """
        try:
            found = await self._list(namespace, name)
        except Forbidden as error:
            _LOG.warning("%s/%s: what outlived an earlier ModelRollout cannot be read: %s", namespace, name, error)
            return None
        if not found:
            return None
        try:
            return Snapshot.model_validate(max(found, key=_revision).get("data"), by_name=False)
        except ValidationError:
            return None

    async def keep(self, owner: Owner, snapshot: Snapshot) -> None:
        """Write a snapshot in place of the earlier ones. Costs no request if it is the one that was written last."""
        if self._written.get(owner.uid) == snapshot:
            return
        data = snapshot.manifest()
        found = await self._list(owner.namespace, owner.name)
        name = f"{owner.name}-{_digest(data)}"
        if not any(item["metadata"]["name"] == name for item in found):
            await self._client.apply(_manifest(owner, name, data, max(map(_revision, found), default=0) + 1))
        for item in found:
            if item["metadata"]["name"] != name:
                await self._delete(item)
        self._written[owner.uid] = snapshot

    async def remove(self, namespace: str, name: str) -> None:
        """Remove what is kept of the ModelRollout of that name."""
        for item in await self._list(namespace, name):
            await self._delete(item)

    def forget(self, owner_uid: str) -> None:
        """Drop what is remembered of a ModelRollout that is gone. What is kept of it stays."""
        self._written.pop(owner_uid, None)

    async def _list(self, namespace: str, name: str) -> list[Manifest]:
        return await self._client.list(CONTROLLER_REVISION, namespace, {ROLLOUT_LABEL: name, **SNAPSHOTS})

    async def _delete(self, item: Manifest) -> None:
        metadata = item["metadata"]
        await self._client.delete(CONTROLLER_REVISION, metadata["namespace"], metadata["name"], metadata["uid"])


def _noted(status: Status, revisions: Mapping[str, Revision]) -> tuple[NotedVersion, ...]:
    roles = (
        (Role.CHAMPION, status.champion),
        (Role.CHALLENGER, status.challenger),
        (Role.PREVIOUS, status.previous),
        (Role.BASELINE, status.baseline),
        *((Role.RETIRING, retiring) for retiring in status.retiring),
    )
    return tuple(
        NotedVersion(**dict(version.revision), role=role, made_of=revisions.get(version.hash))
        for role, version in roles
        if version
    )


def _manifest(owner: Owner, name: str, data: Manifest, revision: int) -> Manifest:
    return {
        "apiVersion": CONTROLLER_REVISION.api_version,
        "kind": CONTROLLER_REVISION.kind,
        "metadata": {
            "namespace": owner.namespace,
            "name": name,
            "labels": {**owner.selector, **SNAPSHOTS},
        },
        "data": data,
        "revision": revision,
    }


def _revision(manifest: Manifest) -> int:
    return int(manifest.get("revision", 0))


def _digest(data: Manifest) -> str:
    return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()[:10]
