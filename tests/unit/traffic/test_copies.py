"""How an HTTPRoute asks for copies of requests."""

from dataclasses import replace

import pytest
from tests.unit.traffic.test_gateway_api import CHALLENGER, CHAMPION, OWNER, ROUTER, traffic

from modelrollout.ports import Manifest
from modelrollout.rollout.observation import Copies

CHAMPION_ALONE = replace(CHAMPION, weight=100)


def route(copies: Copies | None, path_prefix: str = "/") -> Manifest:
    shadow = replace(CHALLENGER, weight=0, copies=copies)
    return ROUTER.build(OWNER, traffic(pathPrefix=path_prefix), [CHAMPION_ALONE, shadow])


@pytest.mark.parametrize(("percent", "share"), [(100, {}), (10, {"percent": 10})])
def test_all_requests_are_copied_unless_a_part_is_asked_for(percent: int, share: Manifest) -> None:
    (rule,) = route(Copies(percent))["spec"]["rules"]
    reference = {"name": CHALLENGER.service, "port": CHALLENGER.port}
    assert rule["filters"] == [{"type": "RequestMirror", "requestMirror": {"backendRef": reference, **share}}]
    assert [(ref["name"], ref["weight"]) for ref in rule["backendRefs"]] == [
        (CHAMPION.service, 100),
        (CHALLENGER.service, 0),
    ]


@pytest.mark.parametrize(
    ("copies", "matches"),
    [
        (Copies(50, ("GET",)), [{"path": {"type": "PathPrefix", "value": "/churn"}, "method": "GET"}]),
        (Copies(50, (), ("/churn/predict",)), [{"path": {"type": "PathPrefix", "value": "/churn/predict"}}]),
        (
            Copies(50, ("GET", "POST"), ("/churn/a", "/churn/b")),
            [
                {"path": {"type": "PathPrefix", "value": path}, "method": method}
                for path in ("/churn/a", "/churn/b")
                for method in ("GET", "POST")
            ],
        ),
    ],
)
def test_other_requests_than_those_that_may_be_copied_have_a_rule_of_their_own(
    copies: Copies, matches: list[Manifest]
) -> None:
    copied, others = route(copies, "/churn")["spec"]["rules"]
    assert copied["matches"] == matches
    assert copied["backendRefs"] == others["backendRefs"]
    assert "filters" not in others
    assert others["matches"] == [{"path": {"type": "PathPrefix", "value": "/churn"}}]


@pytest.mark.parametrize("copies", [Copies(100), Copies(10, ("POST",)), Copies(10, (), ("/churn/predict",))])
def test_a_route_with_copies_is_read_as_it_was_written(copies: Copies) -> None:
    found = ROUTER.observe(route(copies), traffic())
    assert found.copied == {CHALLENGER.version_hash: copies.percent}
    assert found.weights == {CHAMPION.version_hash: 100, CHALLENGER.version_hash: 0}


def test_the_copies_end_even_where_the_api_server_refuses_the_route_that_the_spec_asks_for() -> None:
    live = route(Copies(10, ("POST",)))
    assert ROUTER.reweigh(OWNER, live, [CHAMPION_ALONE, replace(CHALLENGER, weight=0)]) == route(None)
