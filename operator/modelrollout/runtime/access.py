"""Every kind of object that the operator touches, and how.

Its watches (`handlers.py`), the rules of the chart's Roles (`charts/sync.py`) and the test of these on a real API
server are all read from here. The Lease is not: it is in the operator's own namespace, in a Role of its own.
"""

from dataclasses import dataclass

from modelrollout.ports import (
    CONFIG_MAP,
    CONTROLLER_REVISION,
    DEPLOYMENT,
    EVENT,
    MODEL_ROLLOUT,
    POD,
    SECRET,
    SERVICE,
    ResourceKind,
)
from modelrollout.traffic.registry import all_routers


@dataclass(frozen=True, slots=True)
class Access:
    """What the operator does with the objects of one kind, or with one of their subresources.

    verbs: separated by blanks, as RBAC names them. What is watched is read from a cache, and its changes are a reason
        to look at its ModelRollout.
    why: a comment for whoever reads the Role. value: of the chart, without which there is no such right.
    """

    kind: ResourceKind
    verbs: str
    subresource: str = ""
    why: str = ""
    value: str = ""

    @property
    def group(self) -> str:
        """The API group, empty for the core one."""
        return self.kind.api_version.rpartition("/")[0]

    @property
    def version(self) -> str:
        """The version of the API group."""
        return self.kind.api_version.rpartition("/")[2]

    @property
    def resource(self) -> str:
        """What RBAC calls it."""
        return f"{self.kind.plural}/{self.subresource}" if self.subresource else self.kind.plural

    @property
    def is_watched(self) -> bool:
        """Whether its changes are followed."""
        return "watch" in self.verbs.split()


ACCESS = (
    Access(MODEL_ROLLOUT, "get list watch"),
    Access(MODEL_ROLLOUT, "patch", subresource="status"),
    Access(
        MODEL_ROLLOUT,
        "update",
        subresource="finalizers",
        why="Owner references that block deletion, where the admission plugin OwnerReferencesPermissionEnforcement is"
        " on (OpenShift).",
    ),
    Access(DEPLOYMENT, "get list watch create patch delete"),
    Access(SERVICE, "get list watch create patch delete"),
    *(Access(kind, "get list watch create patch") for kind in all_routers().kinds),
    Access(
        CONFIG_MAP,
        "get create patch delete",
        why="Those that pods are configured with, by name, and copies of them.",
    ),
    Access(
        SECRET, "get", why="Whether those have changed that pods read. They are never listed.", value="followSecrets"
    ),
    Access(POD, "list watch"),
    Access(
        CONTROLLER_REVISION,
        "get list watch create patch delete",
        why="Revisions of ModelRollouts, and what outlives these.",
    ),
    Access(EVENT, "create patch"),
)

WATCHED = tuple(access for access in ACCESS if access.is_watched)
