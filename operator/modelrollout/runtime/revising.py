"""Keep the revisions of a ModelRollout: what its versions are made of is stored before anything is made of it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from modelrollout.api.identity import algorithm_of, serving_digest, workload_name
from modelrollout.api.serving import Serving
from modelrollout.api.status import Status, Version
from modelrollout.kube.apply import Applier
from modelrollout.kube.ownership import Owner
from modelrollout.kube.revisions import Revision, build_revision, number_of, read_revision
from modelrollout.kube.world import World
from modelrollout.ports import CONTROLLER_REVISION, Manifest
from modelrollout.runtime.understanding import Understood


@dataclass(frozen=True, slots=True)
class Reviser:
    """Stores and forgets the revisions of one ModelRollout.

    configuration: as `Observation.configuration`. refusals: what stood in the way.
    """

    applier: Applier
    owner: Owner
    understood: Understood
    world: World
    configuration: Mapping[str, str]
    refusals: list[Exception] = field(default_factory=list)

    async def keep(self, status: Status) -> Mapping[str, Revision]:
        """Store the revisions of all versions of a status that are not stored yet. Returns them by version hash.

        The one that the spec asks for gets the highest number. One that the API server does not take is returned too:
        traffic waits for no object.
        """
        found = dict(self._found(status))
        newest = max((number_of(item) for item in self._own), default=0)
        for version in _present(status):
            if version.hash in found and self._stored(version) is None and not _is(version, status.wanted):
                newest += 0 if _is(version, status.baseline) else 1
                await self._store(version, found[version.hash], 0 if _is(version, status.baseline) else newest)
        wanted = status.wanted
        if wanted and wanted.hash in found:
            stored = self._stored(wanted)
            if stored is None or number_of(stored) < max(newest, 1):
                await self._store(wanted, found[wanted.hash], newest + 1)
        return found

    async def forget(self, status: Status) -> None:
        """Remove the revisions that nothing is made of and nobody can go back to."""
        kept = {workload_name(self.owner.name, version.hash) for version in _remembered(status)}
        try:
            await self.applier.prune(self.owner, self._own, [item for item in self._own if _name(item) in kept])
        except Exception as error:
            self.refusals.append(error)

    @property
    def _own(self) -> list[Manifest]:
        return [item for item in self.world.of(CONTROLLER_REVISION) if self.owner.owns(item)]

    def _stored(self, version: Version) -> Manifest | None:
        manifest = self.world.find(CONTROLLER_REVISION, workload_name(self.owner.name, version.hash))
        return manifest if manifest and self.owner.owns(manifest) and read_revision(manifest) else None

    def _found(self, status: Status) -> Iterator[tuple[str, Revision]]:
        for version in _present(status):
            stored = self._stored(version)
            revision = read_revision(stored) if stored else self._known_otherwise(version)
            if revision:
                yield version.hash, revision

    def _known_otherwise(self, version: Version) -> Revision | None:
        """The revision of a version of which none is stored: of what came before this ModelRollout, or of its spec."""
        predecessor = self.understood.predecessor
        if predecessor and (noted := predecessor.made_of(version.hash)):
            return noted
        for serving in filter(None, (self.understood.served_before, self.understood.rollout.spec.serving)):
            if _serves(version, serving, self.configuration):
                return Revision.of(version, serving, self.configuration, {})
        return None

    async def _store(self, version: Version, revision: Revision, number: int) -> None:
        name = workload_name(self.owner.name, version.hash)
        manifest, stored = build_revision(self.owner, version, revision, number), self._stored(version)
        if stored:
            # Its content cannot be changed, not even by a release that would write the same in another way.
            manifest["data"] = stored["data"]
        try:
            await self.applier.apply(self.owner, manifest, self.world.find(CONTROLLER_REVISION, name))
        except Exception as error:
            self.refusals.append(error)


def _serves(version: Version, serving: Serving, configuration: Mapping[str, str]) -> bool:
    algorithm = algorithm_of(version.serving)
    return algorithm is not None and version.serving == serving_digest(serving, configuration, algorithm)


def _is(version: Version, other: Version | None) -> bool:
    return other is not None and version.hash == other.hash


def _present(status: Status) -> Iterator[Version]:
    """The versions that there are or are to be, once each, the oldest first."""
    versions = (status.baseline, *status.retiring, status.previous, status.champion, status.challenger, status.wanted)
    yield from {version.hash: version for version in versions if version}.values()


def _remembered(status: Status) -> Iterator[Version]:
    yield from _present(status)
    yield from (*status.champions, *status.quarantine)


def _name(manifest: Manifest) -> str:
    return str(manifest["metadata"]["name"])
