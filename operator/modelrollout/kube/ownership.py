"""Which objects belong to a ModelRollout: labels to find them by, owner references to prove it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from modelrollout.ports import FIELD_MANAGER, MODEL_ROLLOUT, Manifest
from modelrollout_contract.objects import ROLLOUT_LABEL


@dataclass(frozen=True, slots=True)
class Owner:
    """The ModelRollout on whose behalf objects are made."""

    namespace: str
    name: str
    uid: str

    @classmethod
    def of(cls, rollout: Mapping[str, Any]) -> "Owner":
        """The owner that a ModelRollout read from the API server stands for."""
        metadata = rollout["metadata"]
        return cls(metadata["namespace"], metadata["name"], metadata["uid"])

    @property
    def selector(self) -> dict[str, str]:
        """Labels by which everything made for this ModelRollout is found."""
        return {ROLLOUT_LABEL: self.name}

    def metadata(self, name: str) -> Manifest:
        """Metadata of an object made for this ModelRollout; garbage collection removes it with its owner."""
        return {
            "name": name,
            "namespace": self.namespace,
            "labels": {
                **self.selector,
                "app.kubernetes.io/managed-by": FIELD_MANAGER,
                "app.kubernetes.io/name": self.name,
                "app.kubernetes.io/component": "model",
            },
            "ownerReferences": [
                {
                    "apiVersion": MODEL_ROLLOUT.api_version,
                    "kind": MODEL_ROLLOUT.kind,
                    "name": self.name,
                    "uid": self.uid,
                    "controller": True,
                    "blockOwnerDeletion": True,
                }
            ],
        }

    def owns(self, manifest: Mapping[str, Any]) -> bool:
        """Whether this ModelRollout controls the object. Labels prove nothing: anyone can set them."""
        return any(reference["uid"] == self.uid for reference in _controllers(manifest))

    def inherits(self, manifest: Mapping[str, Any]) -> bool:
        """Whether the object was made for an earlier ModelRollout of this name, which is gone.

        That one was deleted, perhaps with `--cascade=orphan`, or the object was restored from a backup. Only what this
        operator has made counts, by the API server's own record of who set its fields.
        """
        metadata = manifest["metadata"]
        if metadata.get("labels", {}).get(ROLLOUT_LABEL) != self.name:
            return False
        controllers = _controllers(manifest)
        if controllers:
            return all((ref.get("kind"), ref.get("name")) == (MODEL_ROLLOUT.kind, self.name) for ref in controllers)
        return any(
            (entry.get("manager"), entry.get("operation")) == (FIELD_MANAGER, "Apply")
            for entry in metadata.get("managedFields", ())
        )


def _controllers(manifest: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    references = manifest["metadata"].get("ownerReferences", ())
    return [reference for reference in references if reference.get("controller")]
