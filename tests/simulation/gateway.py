"""A gateway that takes over a route promptly, late, or never, and what it then does with the traffic."""

from dataclasses import dataclass, field

from tests.simulation.api_server import SimulatedApiServer

from modelrollout.ports import HTTP_ROUTE, Manifest

CONTROLLER = "simulation.example/gateway"


@dataclass
class Gateway:
    """Answers to the HTTPRoute and routes by what it has taken over.

    hung: it takes over no change and says nothing. refuses: it says no to every new generation, and goes on with what
        it has. routed: percent of the traffic by version hash, as clients meet it. generation: of the route that it
        has taken over.
    """

    server: SimulatedApiServer
    hung: bool = False
    refuses: bool = False
    routed: dict[str, int] = field(default_factory=dict)
    copied: dict[str, int] = field(default_factory=dict)
    generation: int = 0

    def tick(self) -> None:
        """Take over the routes as they are, if the gateway lives."""
        routes = self.server.of_kind(HTTP_ROUTE)
        if not routes:
            # A gateway notices even when it hangs in everything else: its cache of endpoints is empty.
            self.routed, self.copied, self.generation = {}, {}, 0
            return
        [route] = routes.values()
        if self.hung:
            return
        generation = route["metadata"]["generation"]
        accepted = not self.refuses or generation == self.generation
        if accepted:
            self.routed, self.copied, self.generation = weights_of(route), copies_of(route), generation
        route["status"] = {"parents": [_answer(reference, generation, accepted) for reference in _parents(route)]}


def weights_of(route: Manifest) -> dict[str, int]:
    """Percent of the traffic by version hash, as a route's spec has it."""
    references = [ref for rule in route["spec"]["rules"] for ref in rule.get("backendRefs", ())]
    found: dict[str, int] = {}
    for reference in references:
        version_hash = reference["name"].rpartition("-")[2]
        found[version_hash] = found.get(version_hash, 0) + reference.get("weight", 1)
    return found


def copies_of(route: Manifest) -> dict[str, int]:
    """Percent of the requests that are copied to a version, by its hash."""
    mirrors = [found["requestMirror"] for rule in route["spec"]["rules"] for found in rule.get("filters", ())]
    return {mirror["backendRef"]["name"].rpartition("-")[2]: mirror.get("percent", 100) for mirror in mirrors}


def _parents(route: Manifest) -> list[Manifest]:
    return list(route["spec"]["parentRefs"])


def _answer(reference: Manifest, generation: int, accepted: bool) -> Manifest:
    verdict = {"status": "True" if accepted else "False", "reason": "Accepted" if accepted else "Refused"}
    return {
        "parentRef": reference,
        "controllerName": CONTROLLER,
        "conditions": [
            {"type": kind, "observedGeneration": generation, "message": "", **verdict}
            for kind in ("Accepted", "ResolvedRefs")
        ],
    }
