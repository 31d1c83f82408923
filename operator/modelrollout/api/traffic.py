"""How requests reach the model."""

from typing import Annotated

from pydantic import Field

from modelrollout.api.base import ApiModel
from modelrollout.api.rules import Matches, Rule

_LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN = rf"{_LABEL}(\.{_LABEL})*"

Hostname = Annotated[
    str,
    Field(max_length=253),
    Matches(rf"(\*\.)?{_SUBDOMAIN}", "must be a host name in lower case, like churn.example or *.example"),
]
PathPrefix = Annotated[
    str,
    Field(max_length=1024),
    Matches(
        "/|(/[-A-Za-z0-9._~!$&'()*+,;=:@%]+)+/?",
        "must be a path that starts with / and has no empty parts, like /churn",
    ),
]


class ParentReference(ApiModel):
    """A Gateway that carries the traffic."""

    name: Annotated[
        str,
        Field(max_length=253),
        Matches(_SUBDOMAIN, "must be the name of a Gateway: lower case letters, digits, - and ."),
    ]
    """Name of the Gateway."""
    namespace: (
        Annotated[
            str,
            Field(max_length=63),
            Matches(_LABEL, "must be the name of a namespace: lower case letters, digits and -"),
        ]
        | None
    ) = None
    """Namespace of the Gateway; that of the ModelRollout if absent."""
    section_name: (
        Annotated[
            str,
            Field(max_length=253),
            Matches(_SUBDOMAIN, "must be the name of a listener: lower case letters, digits, - and ."),
        ]
        | None
    ) = None
    """Name of one listener of the Gateway; all of them if absent."""


class GatewayAPI(ApiModel):
    """Traffic by an HTTPRoute of the Gateway API, which the operator makes and owns."""

    rules = (
        Rule(
            cel="self.parentRefs.all(a, self.parentRefs.exists_one(b, a == b))",
            holds=lambda route: len(set(route.parent_refs)) == len(route.parent_refs),
            message="must not name the same Gateway twice",
            field="parentRefs",
        ),
    )

    parent_refs: Annotated[tuple[ParentReference, ...], Field(min_length=1, max_length=8)]
    """The Gateways that carry the traffic."""
    hostnames: Annotated[tuple[Hostname, ...], Field(max_length=16)] = ()
    """Host names under which the model is reached; any if empty."""
    path_prefix: PathPrefix = "/"
    """Requests whose path begins with this go to the model. The path is passed on unchanged."""


class Traffic(ApiModel):
    """How requests reach the model."""

    gateway_api: GatewayAPI = Field(alias="gatewayAPI")
    """Traffic by the Gateway API."""
