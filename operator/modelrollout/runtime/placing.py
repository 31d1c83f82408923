"""Carry out where pods and traffic should be."""

from dataclasses import dataclass

from modelrollout.api.identity import workload_name
from modelrollout.api.spec import ModelRolloutSpec
from modelrollout.kube.apply import Applier
from modelrollout.kube.manifests import SERVICE_PORT, children
from modelrollout.kube.ownership import Owner
from modelrollout.kube.world import World
from modelrollout.ports import KubeError, Manifest
from modelrollout.rollout.observation import Backend
from modelrollout.rollout.plan import Placement
from modelrollout.traffic.router import Router


@dataclass(frozen=True, slots=True)
class Placer:
    """Writes the objects of ModelRollouts."""

    applier: Applier

    async def place(
        self, owner: Owner, spec: ModelRolloutSpec, placement: Placement, world: World, router: Router
    ) -> list[KubeError]:
        """Pods first, then traffic, and only then remove what has none any more. Returns what was refused.

        Traffic is set even if pods are refused, since it may be on its way back from a bad version.
        """
        desired: list[Manifest] = []
        refusals: list[KubeError] = []
        for wanted in placement.versions:
            try:
                for child in children(owner, spec, wanted.version, wanted.replicas):
                    desired.append(child)
                    await self.applier.apply(owner, child, world.counterpart(child))
            except KubeError as error:
                refusals.append(error)
        try:
            live = world.find(router.kind, owner.name)
            route = router.build(owner, spec.traffic, _backends(owner, placement), live)
            await self.applier.apply(owner, route, live)
            if not refusals:
                await self.applier.prune(owner, world.objects.values(), [*desired, route])
        except KubeError as error:
            refusals.append(error)
        return refusals


def _backends(owner: Owner, placement: Placement) -> list[Backend]:
    return [
        Backend(
            version_hash=wanted.version.hash,
            bento=wanted.version.bento,
            service=workload_name(owner.name, wanted.version.hash),
            port=SERVICE_PORT,
            weight=placement.weights.get(wanted.version.hash, 0),
        )
        for wanted in placement.versions
    ]
