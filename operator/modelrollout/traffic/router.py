"""What the operator asks of a way to split traffic."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from modelrollout.api.traffic import Traffic
from modelrollout.kube.ownership import Owner
from modelrollout.ports import Manifest, ResourceKind
from modelrollout.rollout.observation import Backend, RouteObservation


class Weights(Enum):
    """Shares of the traffic that a router can give."""

    ANY_PERCENTAGE = "any percentage"
    BY_PODS = "only n-ths, where n is the number of pods that serve"


class Mirroring(Enum):
    """Whether requests can be copied to a version whose answers reach nobody."""

    NONE = "none"
    ALL = "all requests or none"
    PERCENTAGE = "any percentage"


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a router can do at best; an implementation behind it may do less, and says so in the route's status.

    keyed: whether requests that carry the same key can be given to the same version.
    """

    weights: Weights
    mirroring: Mirroring
    keyed: bool


class Router(Protocol):
    """Builds and reads the object that splits the traffic. Pure: a client fetches and writes it."""

    @property
    def field(self) -> str:
        """The member of `spec.traffic` that asks for this router."""

    @property
    def kind(self) -> ResourceKind:
        """The kind of its object, which has the name of the ModelRollout."""

    @property
    def capabilities(self) -> Capabilities:
        """What it can do."""

    def build(
        self, owner: Owner, traffic: Traffic, backends: Sequence[Backend], observed: Manifest | None = None
    ) -> Manifest:
        """The object that splits the traffic among `backends` by their weights.

        observed: the object as it is, None if there is none. What carries traffic is given up only for what does.
        """

    def reweigh(self, owner: Owner, route: Manifest, backends: Sequence[Backend]) -> Manifest:
        """The object as it is but for its split: for when the API server refuses what the spec now asks for."""

    def observe(self, route: Manifest | None, traffic: Traffic) -> RouteObservation:
        """What the object, None if there is none, says about where the traffic goes."""
