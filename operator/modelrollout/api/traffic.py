"""How requests reach the model."""

from itertools import combinations
from typing import Annotated

from pydantic import Field

from modelrollout.api.base import ApiModel
from modelrollout.api.names import LABEL, SUBDOMAIN
from modelrollout.api.rules import DoesNotMatch, Matches, Rule, each_once
from modelrollout.api.units import ShortDuration

Hostname = Annotated[
    str,
    Field(max_length=253),
    Matches(rf"(\*\.)?{SUBDOMAIN}", "must be a host name in lower case, like churn.example or *.example"),
    DoesNotMatch(r"^[0-9]+(\.[0-9]+){3}$", "must be a host name and no address", ratcheting=True),
]
PathPrefix = Annotated[
    str,
    Field(max_length=1024),
    Matches(
        "/|(/[-A-Za-z0-9._~!$&'()*+,;=:@%]+)+/?",
        "must be a path that starts with / and has no empty parts, like /churn",
    ),
    DoesNotMatch(
        r"%([^0-9a-fA-F]|.?$|.[^0-9a-fA-F])|%2[fF]|/\.\.?(/|$)",
        "must have only % that begin an encoded character, no encoded /, and no . or .. as a part",
        ratcheting=True,
    ),
]


class ParentReference(ApiModel):
    """A Gateway that carries the traffic."""

    name: Annotated[
        str,
        Field(max_length=253),
        Matches(SUBDOMAIN, "must be the name of a Gateway: lower case letters, digits, - and ."),
    ]
    """Name of the Gateway."""
    namespace: (
        Annotated[
            str,
            Field(max_length=63),
            Matches(LABEL, "must be the name of a namespace: lower case letters, digits and -"),
        ]
        | None
    ) = None
    """Namespace of the Gateway; that of the ModelRollout if absent."""
    section_name: (
        Annotated[
            str,
            Field(max_length=253),
            Matches(SUBDOMAIN, "must be the name of a listener: lower case letters, digits, - and ."),
        ]
        | None
    ) = None
    """Name of one listener of the Gateway; all of them if absent."""


def _same_gateway(a: ParentReference, b: ParentReference) -> bool:
    return (a.name, a.namespace) == (b.name, b.namespace)


class GatewayAPI(ApiModel):
    """Traffic by an HTTPRoute of the Gateway API, which the operator makes and owns."""

    rules = (
        Rule(
            cel="self.parentRefs.all(a, self.parentRefs.exists_one(b, a == b))",
            holds=lambda route: len(set(route.parent_refs)) == len(route.parent_refs),
            message="must not name the same Gateway twice",
            field="parentRefs",
        ),
        Rule(
            # As HTTPRoute has it: with a listener and without, the two could not be told apart.
            cel="self.parentRefs.all(a, self.parentRefs.all(b, a.name != b.name"
            " || has(a.sectionName) == has(b.sectionName)"
            " || has(a.__namespace__) != has(b.__namespace__)"
            " || (has(a.__namespace__) && a.__namespace__ != b.__namespace__)))",
            holds=lambda route: all(
                (a.section_name is None) == (b.section_name is None)
                for a, b in combinations(route.parent_refs, 2)
                if _same_gateway(a, b)
            ),
            message="must name a Gateway as a whole or by its listeners (sectionName), not both",
            field="parentRefs",
            ratcheting=True,
        ),
    )

    parent_refs: Annotated[tuple[ParentReference, ...], Field(min_length=1, max_length=8)]
    """The Gateways that carry the traffic."""
    hostnames: Annotated[tuple[Hostname, ...], Field(max_length=16), each_once(ratcheting=True)] = ()
    """Host names under which the model is reached; any if empty."""
    path_prefix: PathPrefix = "/"
    """Requests whose path begins with this go to the model. The path is passed on unchanged."""
    timeout: ShortDuration | None = None
    """After how long a gateway that can gives up a request, 0s for never (`timeouts.request` of HTTPRoute). Without it
    the gateway has its own rule.
    """


class Traffic(ApiModel):
    """How requests reach the model."""

    gateway_api: GatewayAPI = Field(alias="gatewayAPI")
    """Traffic by the Gateway API."""
