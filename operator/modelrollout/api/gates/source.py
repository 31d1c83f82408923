"""Where the counters of requests come from."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from modelrollout.api.base import ApiModel
from modelrollout.api.promql import MetricName
from modelrollout.api.rules import Matches, RegularExpression


class Preset(StrEnum):
    """Who counts the requests. Contour and Istio are gateways, which count what a process takes to its end too."""

    BENTOML = "BentoML"
    OPEN_TELEMETRY = "OpenTelemetry"
    VLLM = "VLLM"
    CONTOUR = "Contour"
    ISTIO = "Istio"


GATEWAYS = frozenset({Preset.CONTOUR, Preset.ISTIO})

_Label = Annotated[
    str,
    Field(max_length=256),
    # Those of Prometheus 3 too, without what would have to be escaped in a selector.
    Matches("[a-zA-Z_][-a-zA-Z0-9_:./]*", "must be the name of a label, like http_response_code"),
]


class Source(ApiModel):
    """Where the counters of requests come from: names that are known, and others in their place."""

    preset: Preset = Preset.BENTOML
    """Who counts the requests: the pods, by the names of `BentoML`, `OpenTelemetry` (HTTP) or `VLLM`, or the gateway,
    `Contour` or `Istio`, in which requests that were lost with a process, resets and time-outs count too.
    """
    requests: MetricName | None = None
    """Counter of answers with a status code in a label, e.g. `digits_service_request_total`."""
    durations: MetricName | None = None
    """Histogram of durations in seconds, without suffix, e.g. `vllm:time_to_first_token_seconds`."""
    status_label: _Label | None = None
    """Label with the status code."""
    endpoint_label: _Label | None = None
    """Label with the endpoint."""
    namespace: Annotated[str, Field(max_length=63), Matches("[a-z0-9]([-a-z0-9]*[a-z0-9])?", "must be a namespace")] | (
        None
    ) = None
    """Namespace of the gateway's pods."""
    pods: Annotated[str, Field(min_length=1, max_length=253), RegularExpression()] | None = None
    """Regular expression (RE2, matched as a whole) of the names of the gateway's pods."""

    @property
    def is_gateway(self) -> bool:
        """Whether it is the gateway that counts."""
        return self.preset in GATEWAYS
