"""What CLUSTER=current says before it touches a cluster."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, cast

import pytest

from modelrollout_testkit.changes import Object
from modelrollout_testkit.errors import TestkitError
from modelrollout_testkit.installation import (
    DEMO_NAMESPACE,
    SYSTEM_NAMESPACE,
    foreign_namespaces,
    restricted_namespace,
    uninstall,
)
from modelrollout_testkit.kubectl import Kubectl
from modelrollout_testkit.providers.current import CurrentSettings, address_of, service_of

ENOUGH = {
    "DEMO_REGISTRY": "registry.example/team/",
    "DEMO_GATEWAY": "gateway-system/models",
    "DEMO_PROMETHEUS_URL": "http://prometheus.monitoring:9090",
}


class RecordingKubectl:
    """A cluster that has some namespaces, and notes what would be changed in it."""

    def __init__(self, namespaces: Sequence[Object]) -> None:
        self._namespaces = namespaces
        self.changes: list[str] = []

    def __call__(self, *arguments: str) -> str:
        return self.run("kubectl", *arguments)

    def run(self, *command: str) -> str:
        self.changes.append(" ".join(command[:4]))
        return ""

    def get(self, *arguments: str) -> Any:
        assert arguments == ("namespaces",)
        return json.loads(json.dumps({"items": list(self._namespaces)}))


def unlabelled(name: str) -> Object:
    return {"metadata": {"name": name}}


def gateway(*conditions: Mapping[str, str], addresses: Sequence[str] = ()) -> Object:
    status = {"conditions": list(conditions), "addresses": [{"value": address} for address in addresses]}
    return {"metadata": {"namespace": "gateway-system", "name": "models"}, "status": status}


@pytest.mark.parametrize("name", ENOUGH)
def test_a_missing_setting_is_named_in_one_sentence_that_says_what_it_is_for(name: str) -> None:
    with pytest.raises(TestkitError) as caught:
        CurrentSettings.of({**ENOUGH, name: ""})
    sentences = str(caught.value).splitlines()[1:]
    assert len(sentences) == 1
    assert sentences[0].startswith(f"Set {name} to ")
    assert "{" not in sentences[0]


def test_all_missing_settings_are_named_at_once() -> None:
    with pytest.raises(TestkitError) as caught:
        CurrentSettings.of({})
    assert [sentence.split()[1] for sentence in str(caught.value).splitlines()[1:]] == list(ENOUGH)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DEMO_GATEWAY", "models"),
        ("DEMO_GATEWAY", "gateway-system/models/http"),
        ("DEMO_GATEWAY", "/models"),
        ("DEMO_PROMETHEUS_URL", "prometheus.monitoring:9090"),
        ("DEMO_PROMETHEUS_URL", "https://prometheus.monitoring:9090"),
        ("DEMO_PROMETHEUS_URL", "http://prometheus:9090"),
        ("DEMO_SCRAPE_INTERVAL", "0"),
        ("DEMO_SCRAPE_INTERVAL", "15s"),
        ("DEMO_SCRAPE_INTERVAL", "-5"),
    ],
)
def test_a_setting_that_cannot_be_right_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(TestkitError, match=name):
        CurrentSettings.of({**ENOUGH, name: value})


def test_what_is_not_set_has_the_documented_default() -> None:
    settings = CurrentSettings.of(ENOUGH)
    assert (settings.scrape_interval, settings.gateway_url, settings.registry) == (15, "", "registry.example/team")


@pytest.mark.parametrize(
    ("url", "service"),
    [
        ("http://prometheus.monitoring:9090", ("monitoring", "prometheus", 9090)),
        ("http://prometheus.monitoring.svc.cluster.local", ("monitoring", "prometheus", 80)),
    ],
)
def test_the_service_of_prometheus_is_read_from_its_url(url: str, service: tuple[str, str, int]) -> None:
    assert service_of(url) == service


@pytest.mark.parametrize(
    ("addresses", "url"), [(("192.0.2.10", "192.0.2.11"), "http://192.0.2.10"), ((), "")], ids=["some", "none"]
)
def test_a_programmed_gateway_is_reached_at_its_first_address(addresses: Sequence[str], url: str) -> None:
    assert address_of(gateway({"type": "Programmed", "status": "True"}, addresses=addresses)) == url


@pytest.mark.parametrize(
    ("conditions", "why"),
    [
        ((), "no controller"),
        (({"type": "Programmed", "status": "False", "message": "no addresses left"},), "no addresses left"),
        (({"type": "Accepted", "status": "True"},), "no controller"),
    ],
    ids=["nothing said", "refused", "accepted only"],
)
def test_a_gateway_that_is_not_programmed_is_refused_with_the_reason(
    conditions: Sequence[Mapping[str, str]], why: str
) -> None:
    with pytest.raises(TestkitError, match=f"gateway-system/models is not programmed: {why}"):
        address_of(gateway(*conditions, addresses=["192.0.2.10"]))


@pytest.mark.parametrize("name", [SYSTEM_NAMESPACE, DEMO_NAMESPACE])
def test_a_namespace_that_the_demo_did_not_make_is_foreign_and_left_alone(name: str) -> None:
    kubectl = RecordingKubectl([unlabelled("default"), unlabelled(name)])
    assert foreign_namespaces(cast(Kubectl, kubectl)) == [name]
    uninstall(cast(Kubectl, kubectl))
    assert kubectl.changes == []


def test_what_the_demo_made_is_removed_the_model_before_the_operator() -> None:
    kubectl = RecordingKubectl([restricted_namespace(SYSTEM_NAMESPACE), restricted_namespace(DEMO_NAMESPACE)])
    assert foreign_namespaces(cast(Kubectl, kubectl)) == []
    uninstall(cast(Kubectl, kubectl))
    assert kubectl.changes == [
        f"kubectl delete namespace {DEMO_NAMESPACE}",
        f"helm uninstall modelrollout --namespace={SYSTEM_NAMESPACE}",
        f"kubectl delete namespace {SYSTEM_NAMESPACE}",
    ]
