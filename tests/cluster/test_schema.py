"""The CRD as a real API server enforces it, and our own checks beside it: both must say the same."""

import json
import re
from typing import Any

import pytest
from kubernetes.client import ApiClient, ApiException, CustomObjectsApi
from tests.cluster.manifest_cases import Manifest, cases, changed, load

from modelrollout.api.conditions import Condition, ConditionStatus
from modelrollout.api.evidence import EvidenceCheckpoint, TrafficSplit
from modelrollout.api.gate_status import GateStatus
from modelrollout.api.parsing import parse_rollout, parse_status
from modelrollout.api.rollout import VERSION, ModelRollout
from modelrollout.api.status import (
    BaselineVersion,
    Decision,
    Phase,
    QuarantinedVersion,
    RetiringVersion,
    RolloutProgress,
    Stage,
    Status,
    Watch,
)
from modelrollout.api.status import Version as ModelVersion
from modelrollout_contract.objects import GROUP


class Rollouts:
    """The ModelRollouts of one namespace, as `kubectl` deals with them."""

    def __init__(self, api: ApiClient, namespace: str) -> None:
        self._api = CustomObjectsApi(api)
        self._where = {"group": GROUP, "version": VERSION, "namespace": namespace, "plural": "modelrollouts"}

    def create(self, manifest: Manifest, *, field_validation: str = "Strict") -> Manifest:
        created: Manifest = self._api.create_namespaced_custom_object(
            **self._where, body=manifest, field_validation=field_validation
        )
        return created

    def apply_status(self, name: str, status: Manifest) -> Manifest:
        body = {"apiVersion": f"{GROUP}/{VERSION}", "kind": "ModelRollout", "status": status}
        applied: Manifest = self._api.patch_namespaced_custom_object_status(
            **self._where,
            name=name,
            body=body,
            field_manager="modelrollout",
            force=True,
            _content_type="application/apply-patch+yaml",
        )
        return applied

    def patch(self, name: str, change: Manifest) -> Manifest:
        patched: Manifest = self._api.patch_namespaced_custom_object(
            **self._where, name=name, body=change, _content_type="application/merge-patch+json"
        )
        return patched


@pytest.fixture
def rollouts(kube_api: ApiClient, namespace: str) -> Rollouts:
    return Rollouts(kube_api, namespace)


def refusals(error: ApiException) -> set[tuple[str, str]]:
    """Fields and messages of a refusal."""
    status = json.loads(error.body)
    if unknown := re.findall('(unknown field) "(.*?)"', status["message"]):
        return {(field, message) for message, field in unknown}
    causes = {(cause["field"], cause["message"]) for cause in status["details"]["causes"]}
    # What the scale subresource refers to is checked once more, and called by another name.
    return {(field.removeprefix("."), message) for field, message in causes if field != "<nil>"}


@pytest.mark.parametrize("case", cases("refused.yaml"))
def test_a_wrong_field_is_refused_at_apply_with_what_is_allowed(rollouts: Rollouts, case: Manifest) -> None:
    with pytest.raises(ApiException) as refusal:
        rollouts.create(changed(case))
    found = refusals(refusal.value)
    assert {field for field, _ in found} == {case["field"]}
    assert any(case["says"] in message for _, message in found)


@pytest.mark.parametrize("case", cases("accepted.yaml"))
def test_what_is_accepted_means_to_us_what_the_api_server_makes_of_it(rollouts: Rollouts, case: Manifest) -> None:
    manifest = changed(case)
    stored = rollouts.create(manifest)
    ours, theirs = parse_rollout(manifest, strict=True), parse_rollout(stored, strict=True)
    assert isinstance(ours, ModelRollout)
    assert isinstance(theirs, ModelRollout)
    assert theirs.spec == ours.spec


def test_the_smallest_manifest_is_filled_with_the_defaults(rollouts: Rollouts) -> None:
    assert rollouts.create(load("smallest.yaml"))["spec"] == load("smallest.defaulted.yaml")


def test_nothing_of_a_complete_manifest_is_lost_or_added(rollouts: Rollouts) -> None:
    manifest = load("complete.yaml")
    assert rollouts.create(manifest)["spec"] == manifest["spec"]


@pytest.mark.parametrize(
    "change",
    [
        {"baseline": {"service": {"bento": "majority:v1", "image": "registry.example/majority:v1"}}},
        {"baseline": {"fixed": {"errors": "1%"}}},
        {"strategy": {"steps": [{"weight": 10}]}},
        {"strategy": {"ramp": {"maxWeight": 20}}},
    ],
    ids=lambda change: next(iter(next(iter(change.values())))),
)
def test_no_default_is_in_the_way_of_a_later_edit(rollouts: Rollouts, change: Manifest) -> None:
    name = rollouts.create(load("smallest.yaml"))["metadata"]["name"]
    assert rollouts.patch(name, {"spec": change})["metadata"]["generation"] == 2


def test_an_unknown_kind_of_gate_is_refused_even_if_unknown_fields_are_not(rollouts: Rollouts) -> None:
    manifest = changed({"spec": {"gates": [{"name": "quality", "f1Score": {"min": 0.9}}]}})
    with pytest.raises(ApiException) as refusal:
        rollouts.create(manifest, field_validation="Ignore")
    assert refusals(refusal.value) == {
        ("spec.gates[0]", "Invalid value: exactly one kind must be set, like errorRate or latency")
    }


def test_a_status_is_stored_as_it_was_written(rollouts: Rollouts) -> None:
    name = rollouts.create(load("smallest.yaml"))["metadata"]["name"]
    written = full_status()
    stored = rollouts.apply_status(name, written.manifest())
    assert stored["status"] == written.manifest()
    assert parse_status(stored) == written


def test_an_empty_status_gets_no_defaults(rollouts: Rollouts) -> None:
    name = rollouts.create(load("smallest.yaml"))["metadata"]["name"]
    assert rollouts.apply_status(name, Status().manifest())["status"] == {}


def test_only_a_change_of_the_spec_makes_a_new_generation(rollouts: Rollouts) -> None:
    name = rollouts.create(load("smallest.yaml"))["metadata"]["name"]
    assert rollouts.apply_status(name, full_status().manifest())["metadata"]["generation"] == 1
    assert rollouts.patch(name, {"status": {"weight": 99}})["status"]["weight"] == 25
    assert rollouts.patch(name, {"spec": {"suspend": True}})["metadata"]["generation"] == 2


def test_the_columns_of_kubectl_get_show_where_the_rollout_stands(kube_api: ApiClient, rollouts: Rollouts) -> None:
    created = rollouts.create(load("smallest.yaml"))
    name, namespace = created["metadata"]["name"], created["metadata"]["namespace"]
    rollouts.apply_status(name, full_status().manifest())
    table = get(
        kube_api,
        f"/apis/{GROUP}/{VERSION}/namespaces/{namespace}/modelrollouts/{name}",
        accept="application/json;as=Table;v=v1;g=meta.k8s.io",
    )
    row = dict(zip([column["name"] for column in table["columnDefinitions"]], table["rows"][0]["cells"], strict=True))
    assert row.pop("Age")
    assert row == {
        "Name": "churn",
        "Ready": "False",
        "Phase": "Ramping",
        "Champion": "churn:v1",
        "Challenger": "churn:v2",
        "Weight": 25,
        "Verdict": "undecided: 1 240 of about 3 300 requests needed",
        "Reason": "Ramping",
    }


def test_the_resource_is_found_by_its_short_name_and_among_all(kube_api: ApiClient) -> None:
    resources = get(kube_api, f"/apis/{GROUP}/{VERSION}")["resources"]
    found = next(resource for resource in resources if resource["name"] == "modelrollouts")
    assert found["shortNames"] == ["mr"]
    assert found["categories"] == ["all"]


def get(api: ApiClient, path: str, accept: str = "application/json") -> Any:
    response = api.call_api(*api.param_serialize("GET", path, header_params={"Accept": accept}))
    return json.loads(response.read())


def full_status() -> Status:
    """A status in which every field is set."""
    now = "2026-11-24T15:00:00Z"
    version = {"bento": "churn:v1", "image": "registry.example/churn:v1", "hash": "0123456789"}
    return Status(
        observed_generation=1,
        phase=Phase.RAMPING,
        champion=ModelVersion(**version),
        challenger=ModelVersion(**version | {"bento": "churn:v2"}),
        previous=ModelVersion(**version),
        baseline=BaselineVersion(**version, weight=5, replicas=1),
        weight=25,
        verdict="undecided: 1 240 of about 3 300 requests needed",
        serving_since=now,
        rollout=RolloutProgress(
            started_at=now,
            ramping_since=now,
            not_ready_since=now,
            metrics_unavailable_since=now,
            stage=Stage.PROMOTING,
            since=now,
            step=0,
            step_since=now,
            target_weight=25,
            awaits_approval=True,
            attempt=1,
        ),
        watch=Watch(since=now, until=now, hold_back_percent=5),
        retiring=[RetiringVersion(**version, since=now)],
        gates=[
            GateStatus(
                name="errors",
                verdict="Undecided",
                message="1 240 requests",
                guarantee="Exact",
                compared_with="champion churn:v1",
                champion="0.4 %",
                challenger="0.5 %",
                requests=1240,
                state={"w": 3, "packed": "abc", "nested": {"list": [1, 2.5, None]}},
            )
        ],
        evidence=EvidenceCheckpoint(
            window=118_000_000,
            at=now,
            split=TrafficSplit(
                champion_weight=90,
                challenger_weight=10,
                from_window=117_999_000,
                requests=1000,
                challenger_requests=100,
                state="AAAA",
            ),
        ),
        quarantine=[
            QuarantinedVersion(**version, reason="GateFailed", message="errors", at=now, failures=2, released=True)
        ],
        handled={"retry": "1", "abort": "2", "promote": "3", "approve": "4"},
        last_decision=Decision(at=now, action="Advance", reason="WeightRaised", message="25", weight=25),
        conditions=[
            Condition(
                type="Ready",
                status=ConditionStatus.FALSE,
                observed_generation=1,
                last_transition_time=now,
                reason="Ramping",
                message="",
            )
        ],
    )
