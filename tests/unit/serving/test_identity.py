"""A pod knows what it serves from what the operator has given every pod all along."""

from pathlib import Path

import pytest

from modelrollout.api.identity import workload_name
from modelrollout_serving.identity import Identity, identity

HASH = "0123456789"
POD = f"{workload_name('digits', HASH)}-6d4cf56db6-x7x2p"


@pytest.fixture
def resolver(tmp_path: Path) -> Path:
    file = tmp_path / "resolv.conf"
    file.write_text("nameserver 10.96.0.10\nsearch ml.svc.cluster.local svc.cluster.local cluster.local\n")
    return file


def test_rollout_revision_and_namespace_are_read_from_the_pod(resolver: Path) -> None:
    assert identity("v2", {}, POD, resolver) == Identity("ml", "digits", "v2", HASH)


def test_the_environment_wins(resolver: Path) -> None:
    said = {
        "MODELROLLOUT_NAMESPACE": "a",
        "MODELROLLOUT_NAME": "b",
        "MODELROLLOUT_VERSION": "c",
        "MODELROLLOUT_REVISION": "d",
    }
    assert identity("v2", said, POD, resolver) == Identity("a", "b", "c", "d")


@pytest.mark.parametrize("host", ["laptop", "digits-v2-6d4cf56db6-x7x2p", ""])
def test_a_process_elsewhere_is_not_taken_for_a_pod(host: str, resolver: Path) -> None:
    found = identity("", {}, host, resolver)
    assert found == Identity("", "", "", "")
    assert not found.known


@pytest.mark.parametrize("name", ["a" * 35, "a-b" * 11, "digits-0123456789-x"])
def test_names_that_fit_are_read_as_they_are(name: str, resolver: Path) -> None:
    pod = f"{workload_name(name, HASH)}-6d4cf56db6-x7x2p"
    assert identity("v2", {}, pod, resolver).rollout == name


@pytest.mark.parametrize("name", ["a" * 36, "fraud-detection-for-card-payments-europe"])
def test_a_name_that_was_cut_has_to_be_told(name: str, resolver: Path) -> None:
    pod = f"{workload_name(name, HASH)}-6d4cf56db6-x7x2p"
    assert identity("v2", {}, pod, resolver).rollout == ""
    assert identity("v2", {"MODELROLLOUT_NAME": name}, pod, resolver) == Identity("ml", name, "v2", HASH)


def test_a_pod_without_a_resolver_of_the_cluster_has_to_be_told_its_namespace(tmp_path: Path) -> None:
    assert identity("v2", {}, POD, tmp_path / "none").namespace == ""
