"""Copies of requests for a challenger whose answers reach nobody."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field, StrictInt

from modelrollout.api.base import ApiModel
from modelrollout.api.rules import each_once
from modelrollout.api.traffic import PathPrefix
from modelrollout.api.units import PositiveDuration, between


class Method(StrEnum):
    """Methods of HTTP, as HTTPRoute names them."""

    GET = "GET"
    HEAD = "HEAD"
    POST = "POST"
    PUT = "PUT"
    DELETE = "DELETE"
    OPTIONS = "OPTIONS"
    PATCH = "PATCH"


class Shadow(ApiModel):
    """Before its first weight a challenger gets copies of requests; its answers are judged and thrown away.

    A copied request is carried out twice: whatever it changes elsewhere is changed twice. `methods` and `pathPrefixes`
    say which requests may be copied.
    """

    percent: Annotated[StrictInt, Field(ge=1, le=100)] = 100
    """Share of the requests in percent that is copied. A gateway that can copy no part copies all; the status tells."""
    for_: Annotated[PositiveDuration, between("10s", "30d")] = Field(PositiveDuration("10m"), alias="for")
    """How long requests are copied at least before the first weight."""
    gates: Annotated[tuple[Annotated[str, Field(max_length=63)], ...], Field(max_length=16), each_once()] = ()
    """Names of gates that must have passed on copies before the first weight. All gates can roll back on them."""
    methods: Annotated[tuple[Method, ...], Field(max_length=4), each_once()] = ()
    """Requests with one of these methods are copied; those with any method if empty."""
    path_prefixes: Annotated[tuple[PathPrefix, ...], Field(max_length=4), each_once()] = ()
    """Requests whose path begins with one of these are copied; those with any path of the model if empty."""
