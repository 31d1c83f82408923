"""Carry out where pods and traffic should be."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from modelrollout.api.identity import workload_name
from modelrollout.api.spec import ModelRolloutSpec
from modelrollout.api.status import Role
from modelrollout.api.units import PositiveDuration
from modelrollout.kube.apply import Applier
from modelrollout.kube.manifests import CHILD_KINDS, SERVICE_PORT, children
from modelrollout.kube.ownership import Owner
from modelrollout.kube.revisions import Revision
from modelrollout.kube.scaling import is_scaled_from_outside
from modelrollout.kube.world import World
from modelrollout.ports import DEPLOYMENT, SERVICE, Conflict, Invalid, Manifest, Unavailable
from modelrollout.rollout.observation import Backend
from modelrollout.rollout.plan import DesiredVersion, Placement
from modelrollout.traffic.router import Router


@dataclass(frozen=True, slots=True)
class Placer:
    """Writes the objects of one ModelRollout, each as far as the others allow.

    revisions: of its versions, by hash.
    """

    applier: Applier
    owner: Owner
    spec: ModelRolloutSpec
    router: Router
    world: World
    revisions: Mapping[str, Revision]
    refusals: list[Exception] = field(default_factory=list)

    async def place(self, placement: Placement) -> list[Exception]:
        """Bring pods and traffic where they should be. Returns what stood in the way.

        The route goes before pods that are there already, so that taking traffic away waits for nothing; only a Service
        that is to get traffic has to be made before it. What has no part in it any more is removed in the end, if
        nothing stood in the way.
        """
        missing = [wanted for wanted in placement.versions if not self._has_service(wanted)]
        needed = [wanted for wanted in missing if placement.weights.get(wanted.version.hash)]
        made = await self._make(needed)
        await self._route(placement, waiting=[wanted.version.hash for wanted in missing if wanted not in needed])
        made += await self._make(wanted for wanted in placement.versions if wanted not in needed)
        if not self.refusals:
            await self._prune(made)
        return self.refusals

    async def route(self, placement: Placement) -> list[Exception]:
        """Bring only the traffic where it should be. Returns what stood in the way."""
        await self._route(placement, waiting=())
        return self.refusals

    def takes_away(self, placement: Placement, trusted: str) -> bool:
        """Whether the traffic that is to move goes to one version only, by hash, as at the end of a rollout."""
        live = self.router.observe(self._live_route(), self.spec.traffic).weights
        return all(
            version == trusted or weight <= live.get(version, 0) for version, weight in placement.weights.items()
        )

    def _has_service(self, wanted: DesiredVersion) -> bool:
        return self.world.find(SERVICE, workload_name(self.owner.name, wanted.version.hash)) is not None

    async def _make(self, versions: Iterable[DesiredVersion]) -> list[Manifest]:
        """Make what the versions consist of. Returns all that could be built, made or not."""
        built: list[Manifest] = []
        for wanted in versions:
            try:
                for child in self._children(wanted):
                    built.append(child)
                    await self.applier.apply(self.owner, child, self.world.counterpart(child))
            except Exception as error:
                self.refusals.append(error)
        return built

    def _children(self, wanted: DesiredVersion) -> list[Manifest]:
        """What a version consists of, by its revision. Raises Invalid if that is lost.

        How long its pods may take to start shapes them too, and is no part of the revision: pods that have started keep
        what they were given.
        """
        revision = self.revisions.get(wanted.version.hash)
        name = workload_name(self.owner.name, wanted.version.hash)
        if revision is None:
            raise Invalid(f"ControllerRevision {name} is missing: the pods of {wanted.version.bento} stay as they are")
        live = self.world.find(DEPLOYMENT, name)
        deadline = self.spec.serving.progress_deadline
        if live and (wanted.role is not Role.CHALLENGER or live.get("status", {}).get("readyReplicas")):
            deadline = PositiveDuration(f"{live['spec'].get('progressDeadlineSeconds', 600)}s")
        serving = revision.as_served.model_copy(update={"progress_deadline": deadline})
        made = children(self.owner, serving, wanted.version, wanted.replicas, revision.copies)
        return [_with_replicas_as_they_are(child, live, wanted) for child in made]

    async def _route(self, placement: Placement, waiting: Sequence[str]) -> None:
        """Split the traffic among all versions but those that wait for their Service and get none.

        If the API server refuses what the spec asks for, the route that it took last gets the weights. Where traffic
        is to move, it is asked again at every look.
        """
        backends = [backend for backend in _backends(self.owner, placement) if backend.version_hash not in waiting]
        live = self._live_route()
        try:
            wanted = self.router.build(self.owner, self.spec.traffic, backends, live)
            await self.applier.apply(self.owner, wanted, live, urgent=self._moves_traffic(live, backends))
        except Exception as error:
            self.refusals.append(error)
            if live is not None and self.owner.owns(live) and not isinstance(error, Unavailable | Conflict):
                await self._reweigh(live, backends)

    def _moves_traffic(self, live: Manifest | None, backends: Sequence[Backend]) -> bool:
        """Whether the route does not split the traffic as it should."""
        given = self.router.observe(live, self.spec.traffic).weights
        asked = {backend.version_hash: backend.weight for backend in backends}
        return any(given.get(version, 0) != asked.get(version, 0) for version in given.keys() | asked.keys())

    async def _reweigh(self, live: Manifest, backends: Sequence[Backend]) -> None:
        try:
            reweighed, urgent = self.router.reweigh(self.owner, live, backends), self._moves_traffic(live, backends)
            await self.applier.apply(self.owner, reweighed, live, urgent=urgent)
        except Exception as error:
            self.refusals.append(error)

    async def _prune(self, wanted: Sequence[Manifest]) -> None:
        try:
            found = [manifest for kind in CHILD_KINDS for manifest in self.world.of(kind)]
            await self.applier.prune(self.owner, found, wanted)
        except Exception as error:
            self.refusals.append(error)

    def _live_route(self) -> Manifest | None:
        return self.world.find(self.router.kind, self.owner.name)


def _with_replicas_as_they_are(child: Manifest, live: Manifest | None, wanted: DesiredVersion) -> Manifest:
    """The object without the number of pods that an autoscaler has chosen, unless more traffic is to come."""
    if child["kind"] != DEPLOYMENT.kind or live is None or not is_scaled_from_outside(live):
        return child
    if wanted.role is not Role.CHAMPION and live["spec"].get("replicas", 1) < wanted.replicas:
        return child
    return {**child, "spec": {key: value for key, value in child["spec"].items() if key != "replicas"}}


def _backends(owner: Owner, placement: Placement) -> list[Backend]:
    return [
        Backend(
            version_hash=wanted.version.hash,
            bento=wanted.version.bento,
            service=workload_name(owner.name, wanted.version.hash),
            port=SERVICE_PORT,
            weight=placement.weights.get(wanted.version.hash, 0),
            copies=placement.copies.get(wanted.version.hash),
        )
        for wanted in placement.versions
    ]
