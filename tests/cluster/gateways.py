"""What a gateway would say, where there is an API server and no gateway."""

from collections.abc import Mapping
from typing import Any

from modelrollout.ports import KubeClient, Manifest


async def accept(client: KubeClient, route: Manifest) -> None:
    """Answer as a gateway that carries the route."""
    head = {key: route[key] for key in ("apiVersion", "kind")}
    names = {key: route["metadata"][key] for key in ("namespace", "name")}
    await client.apply_status({**head, "metadata": names, "status": acceptance(route)})


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
