from dataclasses import replace
from typing import Any

import pytest

from modelrollout.api.traffic import Traffic
from modelrollout.kube.ownership import Owner
from modelrollout.ports import Manifest
from modelrollout.rollout.observation import Backend, RouteObservation
from modelrollout.traffic.gateway_api import GatewayAPIRouter

OWNER = Owner("ml", "churn", "owner-uid")
CHAMPION = Backend("aaaaaaaaaa", "churn:v1", "churn-aaaaaaaaaa", 3000, 95)
CHALLENGER = Backend("bbbbbbbbbb", "churn:v2", "churn-bbbbbbbbbb", 3000, 5)
ROUTER = GatewayAPIRouter()


def traffic(*parents: Manifest, **fields: Any) -> Traffic:
    return Traffic.model_validate({"gatewayAPI": {"parentRefs": list(parents) or [{"name": "models"}], **fields}})


def rule(route: Manifest) -> Manifest:
    [only] = route["spec"]["rules"]
    assert isinstance(only, dict)
    return only


def condition(kind: str, status: str = "True", generation: int = 7, reason: str = "Any", message: str = "") -> Manifest:
    return {"type": kind, "status": status, "observedGeneration": generation, "reason": reason, "message": message}


ACCEPTED = condition("Accepted")
RESOLVED = condition("ResolvedRefs")
STALE = condition("Accepted", generation=6)
NOT_ALLOWED = condition("Accepted", "False", reason="NotAllowedByListeners", message="No listener takes it")
NO_BACKEND = condition("ResolvedRefs", "False", reason="BackendNotFound", message="service churn-b not found")


def answer(*conditions: Manifest, name: str = "models", **reference: str) -> Manifest:
    return {"parentRef": {"name": name, **reference}, "conditions": list(conditions)}


def answered(*answers: Manifest) -> Manifest:
    route = ROUTER.build(OWNER, traffic(), [CHAMPION, CHALLENGER])
    route["metadata"]["generation"] = 7
    return {**route, "status": {"parents": list(answers)}}


def test_the_route_bears_the_name_of_its_rollout_and_belongs_to_it() -> None:
    route = ROUTER.build(OWNER, traffic(), [CHAMPION])

    assert (route["metadata"]["namespace"], route["metadata"]["name"]) == ("ml", "churn")
    assert OWNER.owns(route)
    assert OWNER.selector.items() <= route["metadata"]["labels"].items()


def test_traffic_enters_where_the_spec_says() -> None:
    route = ROUTER.build(
        OWNER,
        traffic(
            {"name": "models"},
            {"name": "public", "namespace": "edge", "sectionName": "https"},
            hostnames=["churn.example"],
            pathPrefix="/churn",
        ),
        [CHAMPION],
    )

    gateway = {"group": "gateway.networking.k8s.io", "kind": "Gateway"}
    assert route["spec"]["parentRefs"] == [
        {**gateway, "name": "models"},
        {**gateway, "name": "public", "namespace": "edge", "sectionName": "https"},
    ]
    assert route["spec"]["hostnames"] == ["churn.example"]
    assert rule(route)["matches"] == [{"path": {"type": "PathPrefix", "value": "/churn"}}]


@pytest.mark.parametrize(
    ("asked", "referred"),
    [
        ([{"name": "models"}, {"name": "models", "namespace": "ml"}], [0]),
        ([{"name": "models", "sectionName": "a"}, {"name": "models", "namespace": "ml"}], [1]),
        ([{"name": "models", "sectionName": "a"}, {"name": "models", "namespace": "ml", "sectionName": "a"}], [0]),
        ([{"name": "models", "sectionName": "a"}, {"name": "models", "namespace": "ml", "sectionName": "b"}], [0, 1]),
        ([{"name": "models"}, {"name": "models", "namespace": "edge"}], [0, 1]),
    ],
)
def test_a_gateway_that_is_named_with_its_default_namespace_and_without_is_one(
    asked: list[Manifest], referred: list[int]
) -> None:
    wanted = traffic(*asked)
    route = ROUTER.build(OWNER, wanted, [CHAMPION])
    gateway = {"group": "gateway.networking.k8s.io", "kind": "Gateway"}
    assert route["spec"]["parentRefs"] == [{**gateway, **asked[index]} for index in referred]

    route["metadata"]["generation"] = 7
    route["status"] = {"parents": [answer(ACCEPTED, RESOLVED, **asked[index]) for index in referred]}
    assert ROUTER.observe(route, wanted).settled


def test_a_timeout_is_kept_whatever_the_weights() -> None:
    wanted = traffic(timeout="1m30s")
    route = ROUTER.build(OWNER, wanted, [CHAMPION])
    assert rule(route)["timeouts"] == {"request": "1m30s"}
    assert rule(ROUTER.reweigh(OWNER, route, [CHAMPION, CHALLENGER]))["timeouts"] == {"request": "1m30s"}
    assert "timeouts" not in rule(ROUTER.build(OWNER, traffic(), [CHAMPION]))


def test_without_hostnames_the_route_takes_those_of_its_gateway() -> None:
    assert "hostnames" not in ROUTER.build(OWNER, traffic(), [CHAMPION])["spec"]


def test_every_backend_has_its_percentage_even_if_that_is_nothing() -> None:
    retired = Backend("cccccccccc", "churn:v0", "churn-cccccccccc", 3000, 0)

    refs = rule(ROUTER.build(OWNER, traffic(), [retired, CHALLENGER, CHAMPION]))["backendRefs"]

    assert [(ref["name"], ref["port"], ref["weight"]) for ref in refs] == [
        ("churn-aaaaaaaaaa", 3000, 95),
        ("churn-bbbbbbbbbb", 3000, 5),
        ("churn-cccccccccc", 3000, 0),
    ]


def test_the_order_of_the_backends_makes_no_other_route() -> None:
    assert ROUTER.build(OWNER, traffic(), [CHAMPION, CHALLENGER]) == ROUTER.build(
        OWNER, traffic(), [CHALLENGER, CHAMPION]
    )


def test_more_backends_than_a_rule_may_have_lose_those_without_weight() -> None:
    retired = [Backend(f"{i:010}", f"churn:v{i}", f"churn-{i:010}", 3000, 0) for i in range(20)]

    refs = rule(ROUTER.build(OWNER, traffic(), [*retired, CHAMPION, CHALLENGER]))["backendRefs"]

    assert len(refs) == 16
    assert sum(ref["weight"] for ref in refs) == 100


def test_an_answer_names_the_version_that_gave_it() -> None:
    [ref] = rule(ROUTER.build(OWNER, traffic(), [CHAMPION]))["backendRefs"]

    header = {"name": "x-modelrollout-version", "value": "churn:v1"}
    assert ref["filters"] == [{"type": "ResponseHeaderModifier", "responseHeaderModifier": {"set": [header]}}]


def test_the_version_header_can_be_turned_off() -> None:
    [ref] = rule(GatewayAPIRouter(version_header="").build(OWNER, traffic(), [CHAMPION]))["backendRefs"]

    assert "filters" not in ref


def test_what_was_built_is_read_back() -> None:
    route = answered(answer(ACCEPTED, RESOLVED))

    assert ROUTER.observe(route, traffic()) == RouteObservation(
        exists=True, weights={"aaaaaaaaaa": 95, "bbbbbbbbbb": 5}, settled=True, problem=""
    )


def test_no_route_has_not_settled() -> None:
    assert ROUTER.observe(None, traffic()) == RouteObservation(exists=False)


@pytest.mark.parametrize(
    ("answers", "problem"),
    [
        pytest.param(
            [],
            "no controller has answered for gateway ml/models (does it exist in namespace ml?)",
            id="no answer",
        ),
        pytest.param(
            [answer(ACCEPTED, RESOLVED, name="other")],
            "no controller has answered for gateway ml/models (does it exist in namespace ml?)",
            id="another gateway's answer",
        ),
        pytest.param(
            [answer(ACCEPTED, RESOLVED, namespace="edge")],
            "no controller has answered for gateway ml/models (does it exist in namespace ml?)",
            id="answer of its namesake elsewhere",
        ),
        pytest.param(
            [answer(NOT_ALLOWED, RESOLVED)],
            "gateway ml/models: Accepted is False: NotAllowedByListeners: No listener takes it",
            id="not accepted",
        ),
        pytest.param(
            [answer(ACCEPTED, NO_BACKEND)],
            "gateway ml/models: ResolvedRefs is False: BackendNotFound: service churn-b not found",
            id="backend missing",
        ),
    ],
)
def test_a_route_that_has_not_settled_says_why(answers: list[Manifest], problem: str) -> None:
    observation = ROUTER.observe(answered(*answers), traffic())

    assert (observation.settled, observation.problem) == (False, problem)


@pytest.mark.parametrize(
    "conditions", [pytest.param([STALE, RESOLVED], id="to an earlier generation"), pytest.param([ACCEPTED], id="half")]
)
def test_an_answer_that_is_still_to_come_is_no_problem(conditions: list[Manifest]) -> None:
    observation = ROUTER.observe(answered(answer(*conditions)), traffic())

    assert (observation.settled, observation.problem, observation.refused) == (False, "", False)


def test_a_gateway_that_says_no_refuses_and_one_that_is_silent_does_not() -> None:
    assert ROUTER.observe(answered(answer(NOT_ALLOWED, RESOLVED)), traffic()).refused
    assert not ROUTER.observe(answered(), traffic()).refused


def test_one_settled_answer_outweighs_what_a_former_controller_left() -> None:
    route = answered(answer(STALE, RESOLVED), answer(ACCEPTED, RESOLVED, namespace="ml"))

    assert ROUTER.observe(route, traffic()).settled


def test_every_gateway_asked_for_must_settle() -> None:
    gateways = traffic({"name": "models"}, {"name": "public", "namespace": "edge", "sectionName": "https"})
    of_models = answer(ACCEPTED, RESOLVED)
    of_public = answer(ACCEPTED, RESOLVED, name="public", namespace="edge", sectionName="https")

    assert ROUTER.observe(answered(of_models, of_public), gateways).settled
    assert ROUTER.observe(answered(of_models), gateways).problem == (
        "no controller has answered for gateway edge/public, listener https (does it exist in namespace edge?)"
    )


def test_a_gateway_that_carries_the_route_stays_until_all_that_are_asked_for_have_accepted_it() -> None:
    mistaken = traffic({"name": "modles"})
    before = answered(answer(ACCEPTED, RESOLVED))
    moved = ROUTER.build(OWNER, mistaken, [CHAMPION], before)
    assert [reference["name"] for reference in moved["spec"]["parentRefs"]] == ["modles", "models"]

    unanswered = {**before, "spec": moved["spec"]}
    still = ROUTER.build(OWNER, mistaken, [CHAMPION], unanswered)
    assert [reference["name"] for reference in still["spec"]["parentRefs"]] == ["modles", "models"]

    accepted = {**unanswered, "status": {"parents": [answer(ACCEPTED, RESOLVED, name="modles")]}}
    done = ROUTER.build(OWNER, mistaken, [CHAMPION], accepted)
    assert [reference["name"] for reference in done["spec"]["parentRefs"]] == ["modles"]


def test_a_gateway_that_never_carried_the_route_is_given_up_at_once() -> None:
    refused = answered(answer(NOT_ALLOWED, RESOLVED))
    moved = ROUTER.build(OWNER, traffic({"name": "public"}), [CHAMPION], refused)
    assert [reference["name"] for reference in moved["spec"]["parentRefs"]] == ["public"]


def api_server_allows(references: list[Manifest]) -> bool:
    """The rules of HTTPRoute's CustomResourceDefinition on parentRefs."""
    same = [(a, b) for a in references for b in references if a is not b and gateway_of(a) == gateway_of(b)]
    return all(a.get("sectionName") and b.get("sectionName") and a != b for a, b in same)


def gateway_of(reference: Manifest) -> tuple[str, str]:
    return reference.get("namespace", "ml"), reference["name"]


MODELS, HTTPS, HTTP = {"name": "models"}, *({"name": "models", "sectionName": name} for name in ("https", "http"))


@pytest.mark.parametrize(
    ("before", "after", "kept"),
    [
        pytest.param([MODELS], [HTTPS], [], id="a gateway to its listener"),
        pytest.param([HTTPS], [MODELS], [], id="a listener to its gateway"),
        pytest.param([HTTPS, HTTP], [MODELS], [], id="two listeners to their gateway"),
        pytest.param([MODELS], [{**HTTPS, "namespace": "ml"}], [], id="to a listener, naming the namespace"),
        pytest.param([MODELS], [{**MODELS, "namespace": "ml"}], [], id="the same, naming the namespace"),
        pytest.param([HTTPS], [HTTP], [HTTPS], id="a listener to another"),
        pytest.param([MODELS], [{**HTTPS, "namespace": "edge"}], [MODELS], id="to a listener of a namesake elsewhere"),
        pytest.param([MODELS, {"name": "edge"}], [HTTPS], [{"name": "edge"}], id="to a listener, giving another up"),
    ],
)
def test_a_route_moves_between_gateways_and_their_listeners_as_the_api_server_allows(
    before: list[Manifest], after: list[Manifest], kept: list[Manifest]
) -> None:
    route = ROUTER.build(OWNER, traffic(*before), [CHAMPION])
    route["metadata"]["generation"] = 7
    route["status"] = {"parents": [answer(ACCEPTED, RESOLVED, **reference) for reference in before]}

    moved = ROUTER.build(OWNER, traffic(*after), [CHAMPION], route)["spec"]["parentRefs"]

    gateway = {"group": "gateway.networking.k8s.io", "kind": "Gateway"}
    assert moved == [{**gateway, **reference} for reference in [*after, *kept]]
    assert api_server_allows(moved)


def test_a_route_whose_edit_is_refused_keeps_all_but_its_weights() -> None:
    live = ROUTER.build(OWNER, traffic(hostnames=["churn.example"], pathPrefix="/churn"), [CHAMPION, CHALLENGER])
    withdrawn = [replace(CHAMPION, weight=100), replace(CHALLENGER, weight=0)]

    reweighed = ROUTER.reweigh(OWNER, live, withdrawn)

    assert [ref["weight"] for ref in rule(reweighed)["backendRefs"]] == [100, 0]
    assert ROUTER.reweigh(OWNER, reweighed, [CHAMPION, CHALLENGER]) == live
