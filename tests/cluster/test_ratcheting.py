"""The API server holds what is stored to no rule that came later: CRD validation ratcheting (KEP-4008)."""

import json
from typing import Any

import yaml
from kubernetes.client import ApiClient, ApiextensionsV1Api
from tests.cluster.conftest import CRDS, install_crd
from tests.cluster.manifest_cases import Manifest, changed

from modelrollout.api.parsing import parse_rollout
from modelrollout.api.pod_schema import FILE, render
from modelrollout.api.rollout import VERSION, ModelRollout
from modelrollout_contract.objects import GROUP


def test_a_stored_object_that_a_later_rule_would_refuse_can_be_edited_elsewhere(
    kube_api: ApiClient, namespace: str
) -> None:
    """What CRD validation ratcheting (KEP-4008) promises, for rules on fields, on objects and on the name."""
    crds = ApiextensionsV1Api(kube_api)
    name = f"modelrollouts.{GROUP}"
    today = yaml.safe_load((CRDS / f"{GROUP}_modelrollouts.yaml").read_text())
    path = f"/apis/{GROUP}/{VERSION}/namespaces/{namespace}/modelrollouts"
    old = changed({"metadata": {"name": "a-0123456789"}, "spec": OLD})
    try:
        install_crd(crds, _without_rules(today))
        kube_api.call_api(*kube_api.param_serialize("POST", path, header_params=JSON, body=old))
    finally:
        install_crd(crds, today)
    assert crds.read_custom_resource_definition(name).metadata.name == name
    patch = {"Content-Type": "application/merge-patch+json", "Accept": "application/json"}
    edit = {"spec": {"strategy": {"deadline": {"after": "2d"}}, "serving": {"replicas": 3}}}
    answer = kube_api.call_api(
        *kube_api.param_serialize("PATCH", f"{path}/a-0123456789", header_params=patch, body=edit)
    )
    stored = json.loads(answer.read())
    assert stored["metadata"]["generation"] == 2
    assert isinstance(parse_rollout(stored), ModelRollout)
    assert isinstance(parse_rollout(stored, strict=True), list)


JSON = {"Content-Type": "application/json", "Accept": "application/json"}
OLD: Manifest = {
    "model": {"bento": "churn:V1"},
    "serving": {
        "drain": "99999d",
        "env": [{"name": "BENTOML_PORT", "value": "1"}],
        "resources": {"requests": {"cpu": "2"}, "limits": {"cpu": "1"}},
        "podTemplate": {"spec": {"hostNetwork": True}},
    },
    "traffic": {"gatewayAPI": {"hostnames": ["a.example", "a.example"], "pathPrefix": "/a%2Fb"}},
}


def _without_rules(schema: Any) -> Any:
    """A definition without any rule in CEL, as one from before them."""
    if isinstance(schema, dict):
        return {key: _without_rules(value) for key, value in schema.items() if key != "x-kubernetes-validations"}
    return [_without_rules(item) for item in schema] if isinstance(schema, list) else schema


def test_the_pods_that_we_know_are_those_of_the_api_server(kube_api: ApiClient) -> None:
    answer = kube_api.call_api(*kube_api.param_serialize("GET", "/openapi/v3/apis/apps/v1"))
    assert render(json.loads(answer.read())) == FILE.read_text()
