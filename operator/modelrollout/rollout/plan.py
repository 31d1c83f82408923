"""What a decision asks for. A plan is data: the runtime carries it out."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from modelrollout.api.status import QuarantinedVersion, Role, Status, Version
from modelrollout.rollout.observation import Copies


class EventType(StrEnum):
    """The two kinds of Kubernetes Event."""

    NORMAL = "Normal"
    WARNING = "Warning"


@dataclass(frozen=True, slots=True)
class Event:
    """A Kubernetes Event about the ModelRollout. `reason` is CamelCase and distinct for each kind of occurrence."""

    type: EventType
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class DesiredVersion:
    """A version that should exist, with the number of pods it should have.

    role: to be noted at its Deployment; not a part of what it is.
    """

    version: Version
    replicas: int
    role: Role = field(default=Role.CHAMPION, compare=False)


@dataclass(frozen=True, slots=True)
class Placement:
    """Where pods and traffic should be.

    versions: exactly the versions that should exist; anything else of this rollout is to be removed, after the route.
    weights: percent of the traffic by version hash, for every one of `versions`.
    quarantine: what is to be noted at the champion's Deployment, so that it outlives the status.
    copies: by version hash, the requests that a version is to see without answering anybody.
    """

    versions: tuple[DesiredVersion, ...]
    weights: Mapping[str, int]
    quarantine: tuple[QuarantinedVersion, ...] = ()
    copies: Mapping[str, Copies] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Plan:
    """The outcome of one decision.

    status: to be written before the effects are carried out, so that a crash in between is made good by the next
        decision, which starts from it.
    placement: None when pods and traffic must be left as they are.
    requeue_after: seconds until the next decision is due even if nothing happens; None if only events matter.
    significant: whether the status says something new that must not wait for the next checkpoint.
    """

    status: Status
    placement: Placement | None
    events: tuple[Event, ...]
    requeue_after: float | None
    significant: bool
