"""What the operator asks of a way to split traffic."""

from collections.abc import Sequence
from typing import Protocol

from modelrollout.api.traffic import Traffic
from modelrollout.kube.ownership import Owner
from modelrollout.ports import Manifest, ResourceKind
from modelrollout.rollout.observation import Backend, RouteObservation


class Router(Protocol):
    """Builds and reads the object that splits the traffic. Pure: a client fetches and writes it."""

    @property
    def kind(self) -> ResourceKind:
        """The kind of that object. It has the name of the ModelRollout."""

    def build(
        self, owner: Owner, traffic: Traffic, backends: Sequence[Backend], observed: Manifest | None = None
    ) -> Manifest:
        """The object that splits the traffic among `backends` by their weights.

        observed: the object as it is, None if there is none. What carries traffic is given up only for what does.
        """

    def observe(self, route: Manifest | None, traffic: Traffic) -> RouteObservation:
        """What the object, None if there is none, says about where the traffic goes."""
