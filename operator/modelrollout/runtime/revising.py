"""Keep the revisions of a ModelRollout: what its versions are made of is stored before anything is made of it."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from modelrollout.api.identity import algorithm_of, serving_digest, shape, workload_name
from modelrollout.api.rollout import ModelRollout
from modelrollout.api.serving import Serving
from modelrollout.api.status import Status, Version
from modelrollout.kube.apply import Applier
from modelrollout.kube.configuration import (
    ABSENT,
    UNKNOWN,
    Content,
    Reference,
    build_copy,
    content_in,
    copy_name,
    references,
)
from modelrollout.kube.ownership import Owner
from modelrollout.kube.revisions import Revision, build_revision, number_of, read_revision
from modelrollout.kube.world import World
from modelrollout.ports import CONFIG_MAP, CONTROLLER_REVISION, KubeClient, Manifest, Unavailable
from modelrollout.runtime.understanding import Understood


@dataclass(frozen=True, slots=True)
class Reviser:
    """Stores and forgets the revisions of one ModelRollout.

    configuration: as `Observation.configuration`. contents: what the ConfigMaps and Secrets hold now.
    refusals: what stood in the way.
    """

    client: KubeClient
    applier: Applier
    owner: Owner
    understood: Understood
    world: World
    configuration: Mapping[str, str]
    contents: Mapping[Reference, Content]
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
        names = {workload_name(self.owner.name, version.hash) for version in _remembered(status)}
        kept = [item for item in self._own if _name(item) in names]
        try:
            for copy in _copies_of(self._own) - _copies_of(kept):
                await self._remove_copy(copy)
            await self.applier.prune(self.owner, self._own, kept)
        except Exception as error:
            self.refusals.append(error)

    async def _copy(self, revision: Revision) -> None:
        """Make the copies that a revision needs; those of an earlier ModelRollout of this name become this one's."""
        copied = {copy_name(self.owner, name, content.digest): (name, content) for name, content in self._copied()}
        for name, copy in revision.copies.items():
            live = await self.client.get(CONFIG_MAP, self.owner.namespace, copy)
            if copy in copied:
                await self.applier.apply(self.owner, build_copy(self.owner, *copied[copy]), live)
            elif live:
                content = Content(revision.configuration[f"{CONFIG_MAP.kind}/{name}"], content_in(live))
                await self.applier.apply(self.owner, build_copy(self.owner, name, content), live)

    async def _remove_copy(self, name: str) -> None:
        live = await self.client.get(CONFIG_MAP, self.owner.namespace, name)
        if live and self.owner.owns(live):
            await self.client.delete(CONFIG_MAP, self.owner.namespace, name, live["metadata"]["uid"])

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
        before, serving = self.understood.served_before, self.understood.rollout.spec.serving
        if before and _serves(version, before, self.configuration):
            # Its pods read the ConfigMaps themselves: they are not to be made anew for copies.
            return Revision.of(version, before, self.configuration, {})
        if _serves(version, serving, self.configuration):
            return Revision.of(version, serving, self.configuration, self._copies())
        return None

    def _copied(self) -> Iterator[tuple[str, Content]]:
        """The ConfigMaps to copy, by name: those whose content is the one that the revision notes."""
        for reference, content in self.contents.items():
            if reference.kind == CONFIG_MAP.kind and content.digest == self.configuration.get(str(reference)) != ABSENT:
                yield reference.name, content

    def _copies(self) -> dict[str, str]:
        return {name: copy_name(self.owner, name, content.digest) for name, content in self._copied()}

    async def _store(self, version: Version, revision: Revision, number: int) -> None:
        name = workload_name(self.owner.name, version.hash)
        manifest, stored = build_revision(self.owner, version, revision, number), self._stored(version)
        if stored:
            # Its content cannot be changed, not even by a release that would write the same in another way.
            manifest["data"] = stored["data"]
        try:
            if not stored:
                await self._copy(revision)
            await self.applier.apply(self.owner, manifest, self.world.find(CONTROLLER_REVISION, name))
        except Exception as error:
            self.refusals.append(error)


def followed(
    owner: Owner, rollout: ModelRollout, world: World, contents: Mapping[Reference, Content]
) -> dict[str, str]:
    """Digests of what the ConfigMaps and Secrets of the spec hold, as `Observation.configuration`.

    What cannot be known now, or is no more, counts as it did in the newest revision: neither starts a rollout. What
    that one could not know is followed from the next change of the spec on. Raises Unavailable for what is new and
    could not be read.
    """
    own = [item for item in world.of(CONTROLLER_REVISION) if owner.owns(item)]
    newest = read_revision(max(own, key=number_of)) if own else None
    noted = newest.configuration if newest else {}
    same_spec = newest is not None and newest.serving == shape(rollout.spec.serving)
    result = {}
    for reference in references(rollout.spec.serving):
        name, content = str(reference), contents.get(reference)
        if name in noted and (content is None or content.digest in (ABSENT, UNKNOWN)):
            result[name] = noted[name]
        elif content is None or (same_spec and name not in noted):
            continue
        elif content.digest == UNKNOWN:
            raise Unavailable(f"{name} cannot be read")
        else:
            result[name] = content.digest
    return result


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


def _copies_of(revisions: Iterable[Manifest]) -> set[str]:
    """The names of the copies of ConfigMaps that revisions need."""
    return {copy for item in revisions if (revision := read_revision(item)) for copy in revision.copies.values()}


def _name(manifest: Manifest) -> str:
    return str(manifest["metadata"]["name"])
