"""Requests may be counted by any server of models, under any names, and by the gateway."""

from collections.abc import Mapping
from typing import Any

import pytest
from tests.unit.metrics.answering import ARMS, Recorded, measured, totals

from modelrollout.api.gates import Gate
from modelrollout.evidence.counts import ArmCounts, Block
from modelrollout.metrics.prometheus.selectors import duration_buckets, requests, requests_at_gateway
from modelrollout.metrics.request_metrics import request_metrics
from modelrollout.metrics.source import Arms
from modelrollout.rollout.measurements import NoData


def envoy(service: str, code: str, values: list[float]) -> tuple[dict[str, str], list[float]]:
    return {"envoy_cluster_name": f"ml_{service}_3000", "envoy_response_code": code}, values


def test_what_the_gateway_answered_in_place_of_a_version_counts_for_it() -> None:
    client = Recorded(
        "projectcontour",
        "envoy_cluster_upstream_rq",
        {
            "envoy-a": [
                envoy("digits-1", "200", [10, 110, 210, 310]),
                envoy("digits-2", "200", [0, 30, 60, 90]),
                envoy("digits-2", "503", [0, 1, 2, 5]),
                envoy("digits-21", "503", [0, 500, 600, 700]),
            ],
            "envoy-b": [envoy("digits-1", "200", [0, 1, 2, 3]), envoy("digits-2", "504", [0, 0, 0, 2])],
        },
    )
    found = measured(client, {"source": {"preset": "Contour"}})
    assert totals(found) == Block(ArmCounts(303, 0), ArmCounts(97, 7))
    assert all('namespace="projectcontour",pod=~"envoy-.*"' in selector for selector in client.asked[1:])


def test_a_gateway_that_is_not_scraped_is_named() -> None:
    found = measured(Recorded("projectcontour", "envoy_cluster_upstream_rq", {}), {"source": {"preset": "Contour"}})
    assert isinstance(found, NoData)
    assert "no scrapes of gateway pods envoy-.* in namespace projectcontour" in found.message


def test_a_gateway_cannot_tell_the_pods_of_one_version_apart() -> None:
    halves = Arms.of_one_version("ml", ["a", "b"], "v1")
    found = measured(Recorded("projectcontour", "x", {}), {"source": {"preset": "Contour"}}, halves)
    assert isinstance(found, NoData)


@pytest.mark.parametrize(
    ("source", "name", "status", "failed"),
    [
        ({"requests": "digits_service_request_total"}, "digits_service_request_total", "http_response_code", "500"),
        ({"preset": "VLLM"}, "http_requests_total", "status", "5xx"),
        (
            {"preset": "OpenTelemetry"},
            "http_server_request_duration_seconds_count",
            "http_response_status_code",
            "502",
        ),
        (
            {"preset": "OpenTelemetry", "requests": "http.server.requests", "statusLabel": "http.response.status_code"},
            "http.server.requests",
            "http.response.status_code",
            "502",
        ),
        ({"preset": "VLLM"}, "http_requests_total", "exported_status", "5xx"),
    ],
)
def test_pods_count_under_the_names_of_their_server(
    source: Mapping[str, str], name: str, status: str, failed: str
) -> None:
    both = [({status: "200"}, [0.0, 90, 180, 270]), ({status: failed}, [0.0, 10, 20, 30])]
    client = Recorded("ml", name, {"digits-1-a": both[:1], "digits-2-a": both})
    assert totals(measured(client, {"source": source})) == Block(ArmCounts(270, 0), ArmCounts(300, 30))


def gate(kind: Mapping[str, object]) -> Any:
    return Gate.model_validate({"name": "slow", "latency": {"threshold": "250ms", **kind}}).kind


def test_any_histogram_of_durations_can_be_judged() -> None:
    source = gate({"source": {"preset": "VLLM", "durations": "vllm:time_to_first_token_seconds"}}).source
    [selector] = duration_buckets(ARMS, None, request_metrics(source))
    assert selector.startswith('vllm:time_to_first_token_seconds_bucket{namespace="ml"')


def test_names_beyond_those_of_prometheus_2_stand_in_quotes() -> None:
    source = gate({"source": {"requests": "http.server.requests", "endpointLabel": "http.route"}}).source
    [plain, _] = requests(ARMS, "/predict", request_metrics(source))
    assert plain.startswith('{"http.server.requests",namespace="ml"')
    assert '"http.route"=~"/predict"' in plain


def test_istio_counts_every_request_once_at_its_gateway() -> None:
    source = Gate.model_validate({"name": "errors", "errorRate": {"source": {"preset": "Istio"}}}).kind
    metrics = request_metrics(source.source)  # type: ignore[attr-defined]
    assert metrics.gateway is not None
    [selector] = requests_at_gateway(metrics.gateway, ARMS, metrics)
    assert 'reporter="source",destination_service_name=~"digits\\\\-1|digits\\\\-2"' in selector
