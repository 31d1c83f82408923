"""Autoscalers that somebody has pointed at the Deployment of a version."""

from collections.abc import Mapping
from typing import Any

from modelrollout.ports import FIELD_MANAGER, Manifest

# People scale by hand; what the manifest says comes back.
_PEOPLE = "kubectl"


def is_scaled_from_outside(deployment: Manifest) -> bool:
    """Whether an autoscaler decides how many pods a Deployment has.

    By the API server's own record: it set `spec.replicas` last, over the scale subresource, as the controller of
    HorizontalPodAutoscalers and KEDA do.
    """
    setters = [entry for entry in deployment["metadata"].get("managedFields", ()) if _sets_replicas(entry)]
    return any(_is_autoscaler(entry) for entry in setters) and not any(
        entry.get("manager") == FIELD_MANAGER for entry in setters
    )


def _sets_replicas(entry: Mapping[str, Any]) -> bool:
    return "f:replicas" in entry.get("fieldsV1", {}).get("f:spec", {})


def _is_autoscaler(entry: Mapping[str, Any]) -> bool:
    return entry.get("subresource") == "scale" and not str(entry.get("manager")).startswith(_PEOPLE)
