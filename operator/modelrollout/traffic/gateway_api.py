"""Traffic split by the weights of a Gateway API HTTPRoute, which the operator owns wholly."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, assert_never

from modelrollout.api.traffic import GatewayAPI, ParentReference, Traffic
from modelrollout.kube.ownership import Owner
from modelrollout.ports import HTTP_ROUTE, Manifest
from modelrollout.rollout.capacity import FULL_WEIGHT
from modelrollout.rollout.observation import Backend, Copies, RouteObservation
from modelrollout.traffic.answers import Accepted, Answer, Refused, Unanswered, Unclaimed, accepted_references, answer
from modelrollout.traffic.router import Capabilities, Mirroring, Weights
from modelrollout_contract.headers import VERSION_HEADER

# In the schema of HTTPRoute.
_MAX_PARENTS = 32
_MAX_BACKENDS = 16

_GATEWAY = {"group": "gateway.networking.k8s.io", "kind": "Gateway"}


class GatewayAPIRouter:
    """A `Router` for every implementation of Gateway API v1.

    version_header: response header that names the version that answered; empty for none. It needs a filter on
    backendRefs, which implementations may refuse (Contour, Envoy Gateway and Istio support it).
    """

    field = "gateway_api"
    kind = HTTP_ROUTE
    capabilities = Capabilities(weights=Weights.ANY_PERCENTAGE, mirroring=Mirroring.PERCENTAGE, keyed=False)

    def __init__(self, version_header: str = VERSION_HEADER) -> None:
        self._version_header = version_header

    def build(
        self, owner: Owner, traffic: Traffic, backends: Sequence[Backend], observed: Manifest | None = None
    ) -> Manifest:
        return build_http_route(
            owner, traffic.gateway_api, backends, observed=observed, version_header=self._version_header
        )

    def reweigh(self, owner: Owner, route: Manifest, backends: Sequence[Backend]) -> Manifest:
        spec = route["spec"]
        asked = spec.get("parentRefs", []), spec.get("hostnames", [])
        rule = spec["rules"][-1]
        split = _split(backends, self._version_header, rule.get("timeouts"))
        rules = _rules(rule.get("matches", []), split, backends)
        return _http_route(owner, *asked, rules)

    def observe(self, route: Manifest | None, traffic: Traffic) -> RouteObservation:
        return route_observation(route, traffic.gateway_api)


def build_http_route(
    owner: Owner,
    gateway: GatewayAPI,
    backends: Sequence[Backend],
    *,
    observed: Manifest | None = None,
    version_header: str = VERSION_HEADER,
) -> Manifest:
    """The HTTPRoute of a ModelRollout: a rule that splits its traffic by the weights of `backends`, after those for
    requests that are copied too.

    observed: the route as it is. A gateway that carries it stays until every gateway now asked for has accepted it, so
    that a mistake in `parentRefs` takes no traffic away.
    """
    timeouts = None if gateway.timeout is None else {"request": str(gateway.timeout)}
    return _http_route(
        owner,
        [*map(_parent_ref, _distinct(gateway, owner.namespace)), *_still_needed(observed, gateway)][:_MAX_PARENTS],
        list(gateway.hostnames),
        _rules([_below(gateway.path_prefix)], _split(backends, version_header, timeouts), backends),
    )


def route_observation(route: Manifest | None, gateway: GatewayAPI) -> RouteObservation:
    """What the route's spec and the gateways' answers to it say.

    Settled means that every parent asked for has accepted the route and resolved its backends, in answer to
    the route's current generation.
    """
    if route is None:
        return RouteObservation(exists=False)
    parents = _distinct(gateway, route["metadata"]["namespace"])
    answers = {parent: answer(route, parent) for parent in parents}
    problems = (_problem(said, parent, route) for parent, said in answers.items())
    return RouteObservation(
        exists=True,
        weights=_weights(route),
        settled=all(isinstance(said, Accepted) for said in answers.values()),
        problem="; ".join(problem for problem in problems if problem),
        refused=any(isinstance(said, Refused) for said in answers.values()),
        copied=_copied(route),
    )


def _http_route(owner: Owner, parents: list[Manifest], hostnames: list[str], rules: list[Manifest]) -> Manifest:
    return {
        "apiVersion": HTTP_ROUTE.api_version,
        "kind": HTTP_ROUTE.kind,
        "metadata": owner.metadata(owner.name),
        "spec": {
            "parentRefs": parents,
            **({"hostnames": hostnames} if hostnames else {}),
            "rules": rules,
        },
    }


def _split(backends: Sequence[Backend], version_header: str, timeouts: Manifest | None) -> Manifest:
    """What every rule does with a request."""
    split: Manifest = {"backendRefs": _backend_refs(backends, version_header)}
    return {"timeouts": timeouts, **split} if timeouts else split


def _rules(matches: list[Manifest], split: Manifest, backends: Sequence[Backend]) -> list[Manifest]:
    """The rules of requests that are copied too, and one for all."""
    copied = next(((backend, backend.copies) for backend in backends if backend.copies), None)
    if copied is None:
        return [{"matches": matches, **split}]
    backend, copies = copied
    filters = [_mirror(backend, copies)]
    if not (copies.methods or copies.path_prefixes):
        return [{"matches": matches, "filters": filters, **split}]
    return [{"matches": _narrowed(matches, copies), "filters": filters, **split}, {"matches": matches, **split}]


def _mirror(backend: Backend, copies: Copies) -> Manifest:
    # Gateway API of before 1.3 has no percentage (GEP-3171); all is what is meant without one.
    share = {"percent": copies.percent} if copies.percent < FULL_WEIGHT else {}
    mirror = {"backendRef": {"name": backend.service, "port": backend.port}, **share}
    return {"type": "RequestMirror", "requestMirror": mirror}


def _narrowed(matches: list[Manifest], copies: Copies) -> list[Manifest]:
    """Those of some requests that are to be copied, too: of two rules that match the narrower one is taken."""
    paths = [*map(_below, copies.path_prefixes)] or matches
    methods: list[Manifest] = [{"method": method} for method in copies.methods] or [{}]
    return [{**path, **method} for path in paths for method in methods]


def _below(prefix: str) -> Manifest:
    return {"path": {"type": "PathPrefix", "value": prefix}}


def _backend_refs(backends: Sequence[Backend], version_header: str) -> list[Manifest]:
    return [_backend_ref(backend, version_header) for backend in _routable(backends)]


def _routable(backends: Sequence[Backend]) -> list[Backend]:
    """The backends in a stable order. If they are too many for a rule, some without weight are left out."""
    kept = sorted(backends, key=lambda backend: backend.weight, reverse=True)[:_MAX_BACKENDS]
    return sorted(kept, key=lambda backend: backend.service)


def _backend_ref(backend: Backend, version_header: str) -> Manifest:
    reference: Manifest = {"name": backend.service, "port": backend.port, "weight": backend.weight}
    if version_header:
        header = {"name": version_header, "value": backend.bento}
        reference["filters"] = [{"type": "ResponseHeaderModifier", "responseHeaderModifier": {"set": [header]}}]
    return reference


def _parent_ref(parent: ParentReference) -> Manifest:
    optional = {"namespace": parent.namespace, "sectionName": parent.section_name}
    return {**_GATEWAY, "name": parent.name} | {key: value for key, value in optional.items() if value}


def _distinct(gateway: GatewayAPI, home: str) -> list[ParentReference]:
    """The gateways asked for, without those that a route cannot refer to, or need not, beside another one.

    The schema sees no namespace: there, one without a namespace and one with that of the ModelRollout are two gateways.
    """
    meant = [_parent_of(_parent_ref(parent), home) for parent in gateway.parent_refs]
    kept: list[int] = []
    # A gateway as a whole goes before its listeners.
    for index in sorted(range(len(meant)), key=lambda index: bool(meant[index].section)):
        if not any(meant[index].excludes(meant[other]) for other in kept):
            kept.append(index)
    return [gateway.parent_refs[index] for index in sorted(kept)]


def _still_needed(route: Manifest | None, gateway: GatewayAPI) -> list[Manifest]:
    """References to gateways that are no longer asked for but carry the traffic, while others do not yet.

    Not those that Gateway API allows no route to have beside one that is asked for: a gateway and one of its listeners.
    """
    if route is None:
        return []
    home = route["metadata"]["namespace"]
    parents = _distinct(gateway, home)
    if all(isinstance(answer(route, parent), Accepted) for parent in parents):
        return []
    wanted = [_parent_of(_parent_ref(parent), home) for parent in parents]
    accepted = [_parent_of(reference, home) for reference in accepted_references(route)]
    return [
        reference
        for reference in route["spec"].get("parentRefs", ())
        if (parent := _parent_of(reference, home)) in accepted and not any(map(parent.excludes, wanted))
    ]


@dataclass(frozen=True, slots=True)
class _Parent:
    """What a parentRef means. section: a listener of the gateway, all of them if empty."""

    gateway: tuple[str, ...]
    section: str

    def excludes(self, other: "_Parent") -> bool:
        """Whether a route cannot refer to both, or need not.

        The rules are in the CustomResourceDefinition of HTTPRoute: of two references to one gateway both name a
        listener or neither does, and not the same one.
        """
        return self.gateway == other.gateway and (self.section == other.section or not (self.section and other.section))


def _parent_of(reference: Mapping[str, Any], home: str) -> _Parent:
    defaults = {**_GATEWAY, "namespace": home}
    gateway = tuple(reference.get(key) or defaults.get(key, "") for key in ("group", "kind", "namespace", "name"))
    return _Parent(gateway, reference.get("sectionName") or "")


def _weights(route: Manifest) -> dict[str, int]:
    """Weights by version hash, with which the name of a version's Service ends."""
    references = (ref for rule in route["spec"].get("rules", ()) for ref in rule.get("backendRefs", ()))
    return {ref["name"].rpartition("-")[2]: ref.get("weight", 1) for ref in references}


def _copied(route: Manifest) -> dict[str, int]:
    """The percentage of copies that is asked for, by version hash."""
    filters = (found for rule in route["spec"].get("rules", ()) for found in rule.get("filters", ()))
    mirrors = [found["requestMirror"] for found in filters if found.get("type") == "RequestMirror"]
    return {mirror["backendRef"]["name"].rpartition("-")[2]: mirror.get("percent", FULL_WEIGHT) for mirror in mirrors}


def _problem(said: Answer, parent: ParentReference, route: Manifest) -> str:
    """What a person should know of a parent's answer; an answer that is still to come is no problem."""
    namespace = parent.namespace or route["metadata"]["namespace"]
    gateway = f"gateway {namespace}/{parent.name}"
    if parent.section_name:
        gateway += f", listener {parent.section_name}"
    match said:
        case Refused(why):
            return f"{gateway}: {why}"
        case Unclaimed():
            return f"no controller has answered for {gateway} (does it exist in namespace {namespace}?)"
        case Accepted() | Unanswered():
            return ""
        case _:
            assert_never(said)
