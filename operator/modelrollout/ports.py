"""What the domain asks of the world, and the ways in which the world fails.

Kubernetes objects go in and out as plain JSON dictionaries: a typed model that refuses a field of a newer server would
stop the operator for something it does not even use.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from modelrollout.api.rollout import KIND, VERSION
from modelrollout_contract.objects import GROUP

Manifest = dict[str, Any]

FIELD_MANAGER = "modelrollout"


@dataclass(frozen=True, slots=True)
class ResourceKind:
    """A kind of namespaced object and the plural under which the API server serves it."""

    api_version: str
    kind: str
    plural: str

    def collection_path(self, namespace: str | None) -> str:
        """URL path of all objects of this kind in `namespace`, or in every namespace if it is None."""
        root = "/apis" if "/" in self.api_version else "/api"
        scope = f"/namespaces/{namespace}" if namespace is not None else ""
        return f"{root}/{self.api_version}{scope}/{self.plural}"

    def path(self, namespace: str, name: str) -> str:
        """URL path of one object."""
        return f"{self.collection_path(namespace)}/{name}"


MODEL_ROLLOUT = ResourceKind(f"{GROUP}/{VERSION}", KIND, "modelrollouts")
DEPLOYMENT = ResourceKind("apps/v1", "Deployment", "deployments")
CONTROLLER_REVISION = ResourceKind("apps/v1", "ControllerRevision", "controllerrevisions")
SERVICE = ResourceKind("v1", "Service", "services")
CONFIG_MAP = ResourceKind("v1", "ConfigMap", "configmaps")
SECRET = ResourceKind("v1", "Secret", "secrets")
POD = ResourceKind("v1", "Pod", "pods")
EVENT = ResourceKind("v1", "Event", "events")
LEASE = ResourceKind("coordination.k8s.io/v1", "Lease", "leases")
HTTP_ROUTE = ResourceKind("gateway.networking.k8s.io/v1", "HTTPRoute", "httproutes")

_KINDS = {
    (kind.api_version, kind.kind): kind
    for kind in (
        MODEL_ROLLOUT,
        DEPLOYMENT,
        CONTROLLER_REVISION,
        SERVICE,
        CONFIG_MAP,
        SECRET,
        POD,
        EVENT,
        LEASE,
        HTTP_ROUTE,
    )
}


def kind_of(manifest: Mapping[str, Any]) -> ResourceKind:
    """The kind of an object. Raises ValueError for one that the operator does not handle."""
    key = (manifest.get("apiVersion", ""), manifest.get("kind", ""))
    if key not in _KINDS:
        raise ValueError(f"{key[1]} in {key[0]} is not a kind the operator handles")
    return _KINDS[key]


def describe(manifest: Mapping[str, Any]) -> str:
    """How messages name an object, e.g. `Deployment ml/churn-0a1b2c3d4e`."""
    metadata = manifest["metadata"]
    return f"{manifest['kind']} {metadata['namespace']}/{metadata['name']}"


class KubeError(Exception):
    """The API server did not do what it was asked to. The text is meant for a person."""


class NotFound(KubeError):
    """404 on a write or a list: the namespace is gone, or the API server does not know the kind (no CRD)."""


class Conflict(KubeError):
    """409: the object is not the one that was meant, or is not ours to change."""


class Forbidden(KubeError):
    """401 or 403: missing permission, exhausted quota, or a namespace that is being deleted."""


class Invalid(KubeError):
    """400 or 422: the API server refuses the object. Trying again cannot help."""


class Unavailable(KubeError):
    """429, 5xx, time-out or no connection, after all retries. Trying again later can help."""


class KubeClient(Protocol):
    """Every call may raise `KubeError`; transient failures have been retried by then."""

    async def get(self, kind: ResourceKind, namespace: str, name: str) -> Manifest | None:
        """The object, or None if there is none of that name (or the API server does not know the kind)."""

    async def list(
        self, kind: ResourceKind, namespace: str | None, labels: Mapping[str, str] | None = None
    ) -> list[Manifest]:
        """All objects that carry `labels`, in one namespace or (None) in all of them. An empty value stands for any."""

    async def create(self, manifest: Manifest) -> Manifest:
        """Create an object. Raises Conflict if one of that name is there already."""

    async def apply(self, manifest: Manifest, *, force: bool = True) -> Manifest:
        """Server-side apply: give the object these fields, create it if absent, leave all other fields alone.

        With `metadata.uid` in the manifest it is a Conflict if that object is gone or replaced, with
        `metadata.resourceVersion` too if it has changed since. Without `force` it is one if someone else
        manages a field with another value.
        """

    async def apply_status(self, manifest: Manifest) -> Manifest:
        """Server-side apply of the status subresource. Nothing but `status` is changed."""

    async def annotate(self, kind: ResourceKind, namespace: str, name: str, annotations: Mapping[str, str]) -> Manifest:
        """Set annotations of an object that is there, and touch nothing else. Returns the object as it then is."""

    async def merge(self, kind: ResourceKind, namespace: str, name: str, changes: Mapping[str, Any]) -> Manifest:
        """Change fields of an object that is there, as a JSON merge patch (RFC 7396). Returns it as it then is.

        With `metadata.resourceVersion` in the changes it is a Conflict if it has changed since.
        """

    async def delete(self, kind: ResourceKind, namespace: str, name: str, uid: str) -> None:
        """Delete the object with that uid and, in the background, what it owns. Gone already is fine."""
