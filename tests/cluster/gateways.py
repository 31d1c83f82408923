"""What a gateway would say, where there is an API server and no gateway."""

from collections.abc import Mapping
from typing import Any


def acceptance(route: Mapping[str, Any]) -> dict[str, Any]:
    """The status of an HTTPRoute that every gateway it asks for has taken over as it is."""
    conditions = [
        {
            "type": kind,
            "status": "True",
            "reason": kind,
            "message": "",
            "observedGeneration": route["metadata"]["generation"],
            "lastTransitionTime": "2026-11-24T12:00:00Z",
        }
        for kind in ("Accepted", "ResolvedRefs")
    ]
    return {
        "parents": [
            {"parentRef": reference, "controllerName": "example.com/gateway", "conditions": conditions}
            for reference in route["spec"]["parentRefs"]
        ]
    }
