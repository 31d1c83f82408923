"""The control plane alone: what the other tests of this folder run against."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from modelrollout_localcluster import Cluster, LocalClusterError, tool_path


@pytest.fixture(autouse=True)
def state_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MODELROLLOUT_STATE", str(tmp_path))
    return tmp_path


@pytest.fixture
def cluster(state_root: Path) -> Iterator[Cluster]:
    cluster = Cluster("alone")
    cluster.up(control_plane_only=True)
    yield cluster
    cluster.down()


def namespaces(cluster: Cluster) -> set[str]:
    command = [str(tool_path("kubectl")), f"--kubeconfig={cluster.kubeconfig}", "get", "namespaces", "--output=name"]
    return set(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split())


def create_namespace(cluster: Cluster, name: str) -> None:
    command = [str(tool_path("kubectl")), f"--kubeconfig={cluster.kubeconfig}", "create", "namespace", name]
    subprocess.run(command, check=True, capture_output=True)


def process_ids(cluster: Cluster, state_root: Path) -> dict[str, int]:
    records = (state_root / cluster.name / "processes").iterdir()
    return {record.name: int(record.read_text().split()[0]) for record in records}


def test_two_control_planes_run_side_by_side_with_objects_of_their_own(cluster: Cluster) -> None:
    second = Cluster("second")
    second.up(control_plane_only=True)
    create_namespace(second, "here")
    assert "namespace/here" in namespaces(second)
    assert "namespace/here" not in namespaces(cluster)
    second.down()
    assert namespaces(cluster)


def test_down_ends_every_process_and_removes_the_folder(cluster: Cluster, state_root: Path) -> None:
    pids = process_ids(cluster, state_root).values()
    cluster.down()
    assert not [pid for pid in pids if is_alive(pid)]
    assert cluster.status().state == "absent"
    assert not (state_root / cluster.name).exists()


def test_up_replaces_a_control_plane_of_which_a_part_was_killed(cluster: Cluster, state_root: Path) -> None:
    kill(process_ids(cluster, state_root)["kube-apiserver"])
    assert cluster.status().state == "broken"
    cluster.up(control_plane_only=True)
    assert namespaces(cluster)


def test_a_record_of_another_process_with_the_same_id_is_left_alone(cluster: Cluster, state_root: Path) -> None:
    stranger = subprocess.Popen(["sleep", "60"])
    try:
        record = state_root / cluster.name / "processes" / "stranger"
        boot = Path("/proc/sys/kernel/random/boot_id").read_text()
        record.write_text(f"{stranger.pid} 1 {boot}")
        cluster.down()
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_loading_an_image_without_a_node_says_why_it_cannot(cluster: Cluster) -> None:
    with pytest.raises(LocalClusterError, match="no node to load images into"):
        cluster.load_image(Path("any.oci.tar"))


def kill(pid: int) -> None:
    """SIGKILL, and wait until it has come to pass: a large process takes a moment to die."""
    os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + 30
    while is_alive(pid):
        assert time.monotonic() < deadline, f"process {pid} does not end"
        time.sleep(0.05)


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except FileNotFoundError:
        return False
