"""The objects of one ModelRollout, as the API server has them."""

from asyncio import gather
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from modelrollout.kube.ownership import Owner
from modelrollout.ports import KubeClient, Manifest, ResourceKind, kind_of


@dataclass(frozen=True, slots=True)
class World:
    """Objects by kind and name, as just read. Not all of them need be the ModelRollout's own: ask its `Owner`."""

    objects: Mapping[tuple[ResourceKind, str], Manifest]

    def of(self, kind: ResourceKind) -> list[Manifest]:
        """All objects of a kind."""
        return [manifest for (of_kind, _), manifest in self.objects.items() if of_kind == kind]

    def find(self, kind: ResourceKind, name: str) -> Manifest | None:
        """One object, None if there is none."""
        return self.objects.get((kind, name))

    def counterpart(self, wanted: Manifest) -> Manifest | None:
        """The object of the kind and name of a manifest, None if there is none."""
        return self.find(kind_of(wanted), wanted["metadata"]["name"])


async def read_world(
    client: KubeClient, owner: Owner, *, by_label: Sequence[ResourceKind], by_name: Sequence[ResourceKind]
) -> World:
    """Everything that was made for a ModelRollout.

    by_label: kinds of which there are several objects, found by their labels.
    by_name: kinds of which there is one object that has the name of the ModelRollout. A stranger of that name is found
        too, so that it is not taken for absent. Raises KubeError.
    """
    listed = gather(*(client.list(kind, owner.namespace, owner.selector) for kind in by_label))
    named = gather(*(client.get(kind, owner.namespace, owner.name) for kind in by_name))
    objects = {
        (kind, manifest["metadata"]["name"]): manifest
        for kind, manifests in zip(by_label, await listed, strict=True)
        for manifest in manifests
    }
    objects |= {
        (kind, owner.name): manifest
        for kind, manifest in zip(by_name, await named, strict=True)
        if manifest is not None
    }
    return World(objects)
