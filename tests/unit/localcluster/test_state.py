"""Names, addresses and process records of local clusters."""

import os
from pathlib import Path

import pytest

from modelrollout_localcluster import Cluster, LocalClusterError, network
from modelrollout_localcluster.network import Network, choose_network
from modelrollout_localcluster.processes import ProcessRecord
from modelrollout_localcluster.state import ClusterState, choose_ports


@pytest.fixture(autouse=True)
def state_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MODELROLLOUT_STATE", str(tmp_path))
    return tmp_path


def this_process() -> ProcessRecord:
    started = int(Path("/proc/self/stat").read_text().rpartition(") ")[2].split()[19])
    return ProcessRecord(os.getpid(), started, Path("/proc/sys/kernel/random/boot_id").read_text().strip())


@pytest.mark.parametrize("name", ["", "Upper", "-dash", "dash-", "a/b", "..", "a" * 31])
def test_a_name_that_cannot_be_a_folder_and_a_node_name_is_refused(name: str) -> None:
    with pytest.raises(LocalClusterError, match="must be lower case letters, digits and '-'"):
        Cluster(name)


def test_a_cluster_that_was_never_made_is_absent() -> None:
    assert Cluster("never").status().state == "absent"


def test_state_is_read_back_as_it_was_saved() -> None:
    state = ClusterState("kept", False, {"apiserver": 20000}, 201)
    state.save()
    assert ClusterState.load("kept") == state


def test_ports_that_another_cluster_recorded_are_not_chosen() -> None:
    first = set(choose_ports(set()).values())
    assert not first & set(choose_ports(first).values())


def test_a_network_that_is_recorded_or_routed_is_not_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "_routed_destinations", lambda: ["192.0.2.0/24", "10.202.5.0/24", "10.203.0.1"])
    assert choose_network({201}) == 204


def test_addresses_of_a_network_do_not_overlap() -> None:
    plan = Network(201)
    assert (plan.whole, plan.pods, plan.services) == ("10.201.0.0/16", "10.201.1.0/24", "10.201.16.0/20")
    assert plan.service_address(1) == "10.201.16.1"


@pytest.mark.parametrize(
    ("changed", "running"),
    [({}, True), ({"started": 1}, False), ({"boot": "another"}, False), ({"pid": 2**22}, False)],
)
def test_a_process_runs_only_if_id_start_and_boot_all_match(changed: dict[str, object], running: bool) -> None:
    record = this_process()
    assert ProcessRecord(**{**vars(record), **changed}).is_running() is running
