"""Names of the metrics in which requests are counted, by who counts them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from modelrollout.api.gates.source import Preset, Source
from modelrollout.metrics.bentoml import DURATIONS, ENDPOINT, REQUESTS, STATUS_CODE
from modelrollout.metrics.counting.series import Unreadable
from modelrollout.metrics.source import Arm, Arms


@dataclass(frozen=True, slots=True)
class Gateway:
    """A gateway's pods, and how its counters name a backend.

    label: that tells the backend. backend: a regular expression of its values, with the namespace and the Service of a
    version in braces. matchers: of series that count every request once.
    """

    namespace: str
    pods: str
    label: str
    backend: str
    matchers: tuple[tuple[str, str], ...] = ()

    def arms(self, arms: Arms) -> Arms:
        """The gateway's pods alone, whoever's requests they count."""
        return Arms(self.namespace, self.pods, "", reference="gateway", alone=arms.alone)

    def backends(self, arms: Arms) -> Mapping[Arm, str]:
        """What names the Service of each arm. Raises Unreadable if the arms have none of their own."""
        services = {Arm.CHAMPION: arms.champion_service, Arm.CHALLENGER: arms.challenger_service}
        if not all(services.values()):
            raise Unreadable("a gateway counts by version, and does not tell the pods of one apart")
        return {
            arm: self.backend.format(namespace=re.escape(arms.namespace), service=re.escape(service))
            for arm, service in services.items()
        }


@dataclass(frozen=True, slots=True)
class RequestMetrics:
    """Names of metrics and labels; a label is empty where there is none. gateway: None where the pods count."""

    requests: str
    durations: str
    status_label: str
    endpoint_label: str = ""
    gateway: Gateway | None = None


BENTOML = RequestMetrics(REQUESTS, DURATIONS, STATUS_CODE, ENDPOINT)

_PRESETS: Mapping[Preset, RequestMetrics] = {
    Preset.BENTOML: BENTOML,
    # Semantic conventions of HTTP, as a Prometheus exporter translates them.
    Preset.OPEN_TELEMETRY: RequestMetrics(
        "http_server_request_duration_seconds_count",
        "http_server_request_duration_seconds",
        "http_response_status_code",
        "http_route",
    ),
    # Its status codes are classes like 5xx.
    Preset.VLLM: RequestMetrics("http_requests_total", "vllm:e2e_request_latency_seconds", "status", "handler"),
    # Contour names the statistics of a cluster by namespace, Service and port.
    Preset.CONTOUR: RequestMetrics(
        "envoy_cluster_upstream_rq",
        "",
        "envoy_response_code",
        gateway=Gateway("projectcontour", "envoy-.*", "envoy_cluster_name", "{namespace}_{service}_[0-9]+"),
    ),
    Preset.ISTIO: RequestMetrics(
        "istio_requests_total",
        "",
        "response_code",
        gateway=Gateway(
            "istio-system", ".*gateway.*", "destination_service_name", "{service}", (("reporter", "source"),)
        ),
    ),
}


def request_metrics(source: Source) -> RequestMetrics:
    """The names of a source: those of its preset, with its own in their place."""
    known = _PRESETS[source.preset]
    gateway = known.gateway
    if gateway:
        gateway = replace(gateway, namespace=source.namespace or gateway.namespace, pods=source.pods or gateway.pods)
    return RequestMetrics(
        requests=source.requests or known.requests,
        durations=source.durations or known.durations,
        status_label=source.status_label or known.status_label,
        endpoint_label=source.endpoint_label or known.endpoint_label,
        gateway=gateway,
    )
