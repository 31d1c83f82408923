"""Queries say exactly which pods, endpoints and codes they mean."""

import pytest

from modelrollout.metrics.prometheus.selectors import (
    counter,
    duration_buckets,
    exposing_pods,
    requests,
    scrape_clock,
)
from modelrollout.metrics.source import Arms

ARMS = Arms("ml", "churn-a1-[a-z0-9]+", "churn-b2-[a-z0-9]+")
OF_PODS = 'namespace="ml",pod=~"churn-a1-[a-z0-9]+|churn-b2-[a-z0-9]+"'


def test_the_clock_is_both_arms_scrapes() -> None:
    assert scrape_clock(ARMS) == f'{{__name__=~"up|scrape_duration_seconds",{OF_PODS}}}'


@pytest.mark.parametrize(("pods", "expression"), [(["a-1", "a-3", "a-2"], "a-1|a-3|a-2"), (["a-1"], "a-1")])
def test_the_pods_of_one_version_are_read_as_two_halves_and_a_lone_one_without_the_other(
    pods: list[str], expression: str
) -> None:
    assert f'pod=~"{expression}"' in scrape_clock(Arms.of_one_version("ml", pods, "v1"))


def test_bentoml_s_own_endpoints_do_not_count_by_default() -> None:
    own = r'"(.*/)?(livez|readyz|healthz|metrics|docs\\.json|schema\\.json)|(.*/)?(static_content|assets)/.*"'

    assert requests(ARMS, endpoints=None) == (
        f"bentoml_service_request_total{{{OF_PODS},endpoint!~{own},exported_endpoint!~{own}}}",
    )


def test_endpoints_are_looked_for_under_both_labels_that_prometheus_gives_them() -> None:
    assert duration_buckets(ARMS, endpoints="/predict") == (
        f'bentoml_service_request_duration_seconds_bucket{{{OF_PODS},exported_endpoint="",endpoint=~"/predict"}}',
        f"bentoml_service_request_duration_seconds_bucket"
        f'{{{OF_PODS},exported_endpoint!="",exported_endpoint=~"/predict"}}',
    )


@pytest.mark.parametrize(
    ("value", "quoted"),
    [
        (r"/v1\.0/.*", r'"/v1\\.0/.*"'),
        ('/say-"hi"', r'"/say-\"hi\""'),
        ('"} or up{x="', r'"\"} or up{x=\""'),
        ("/a\nb", r'"/a\nb"'),
        ("/größe", '"/größe"'),
    ],
)
def test_label_values_cannot_leave_their_quotes(value: str, quoted: str) -> None:
    assert all(query.endswith(f"endpoint=~{quoted}}}") for query in requests(ARMS, endpoints=value))


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ("outcomes_total", f"outcomes_total{{{OF_PODS}}}"),
        ("outcomes_total{}", f"outcomes_total{{{OF_PODS}}}"),
        ('{"http.server.requests"}', f'{{"http.server.requests",{OF_PODS}}}'),
        ('{ "http.server.requests" , code="500",}', f'{{"http.server.requests",{OF_PODS},code="500"}}'),
        ('{"http.errors","http.status"=~"5.."}', f'{{"http.errors",{OF_PODS},"http.status"=~"5.."}}'),
        ('outcomes_total{ correct="}",}', f'outcomes_total{{{OF_PODS},correct="}}"}}'),
    ],
)
def test_a_counter_of_the_user_is_read_of_the_pods_of_both_arms(selector: str, expected: str) -> None:
    assert counter(ARMS, selector) == (expected,)


def test_pods_that_expose_a_family_are_told_apart_by_pod() -> None:
    families = '__name__=~"x_total|x_total_bucket"'
    expected = f"group by (pod) (last_over_time({{{families},{OF_PODS}}}[45000ms]))"

    assert exposing_pods(ARMS, "x_total", within=45_000) == expected
    assert r'__name__=~"http\\.errors|http\\.errors_bucket"' in exposing_pods(ARMS, "http.errors", within=45_000)
