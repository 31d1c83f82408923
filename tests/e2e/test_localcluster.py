"""The local cluster on this machine: what runs in it works, and nothing stays behind when it goes."""

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from modelrollout_localcluster import Cluster, tool_path

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="a node needs root")

MANIFEST = Path(__file__).with_name("localcluster.yaml")
HOST = "demo.example"
FIXED_FOLDERS = ("/run/containerd", "/run/netns", "/var/lib/cni", "/var/lib/kubelet", "/var/log/containers")


@pytest.fixture(scope="module", autouse=True)
def state_root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A state folder of its own, by which everything that a cluster here leaves can be recognised."""
    with pytest.MonkeyPatch.context() as patch:
        root = tmp_path_factory.mktemp("state")
        patch.setenv("MODELROLLOUT_STATE", str(root))
        yield root


@pytest.fixture(scope="module")
def cluster(state_root: Path) -> Iterator[Cluster]:
    cluster = Cluster("first")
    cluster.up()
    kubectl(cluster, "apply", f"--filename={MANIFEST}")
    for version in ("v1", "v2"):
        kubectl(cluster, "rollout", "status", f"deployment/{version}", "--namespace=demo", "--timeout=60s")
    yield cluster
    cluster.down()


def kubectl(cluster: Cluster, *arguments: str) -> str:
    command = [str(tool_path("kubectl")), f"--kubeconfig={cluster.kubeconfig}", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def get(cluster: Cluster, path: str = "/") -> str:
    """The page and the header that the route adds for the version."""
    request = urllib.request.Request(f"{cluster.gateway_url}{path}", headers={"Host": HOST})
    with urllib.request.urlopen(request, timeout=5) as response:
        page: bytes = response.read()
        return f"{page.decode().strip()} {response.headers['x-version']}"


def set_weights(cluster: Cluster, v1: int, v2: int) -> None:
    path = "/spec/rules/0/backendRefs/{}/weight"
    patch = [{"op": "replace", "path": path.format(i), "value": weight} for i, weight in enumerate((v1, v2))]
    kubectl(cluster, "patch", "httproute", "demo", "--namespace=demo", "--type=json", f"--patch={json.dumps(patch)}")


def query(cluster: Cluster, expression: str) -> list[dict[str, Any]]:
    url = f"{cluster.prometheus_url}/api/v1/query?{urllib.parse.urlencode({'query': expression})}"
    try:
        with urllib.request.urlopen(url, timeout=5) as response:
            result: list[dict[str, Any]] = json.load(response)["data"]["result"]
    except urllib.error.URLError:
        return []
    return result


def eventually(check: Callable[[], bool], timeout_seconds: float = 60) -> None:
    deadline = time.monotonic() + timeout_seconds
    while not check():
        assert time.monotonic() < deadline, "did not come about in time"
        time.sleep(0.2)


def remains(state_root: Path, name: str, network: int | None) -> list[str]:
    """Whatever of a cluster is still on this machine, one description each."""
    found = [f"folder {path}" for path in (state_root / name,) if path.exists()]
    group = f"modelrollout-{name}-"
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            text = b"".join((entry / part).read_bytes() for part in ("cmdline", "environ", "cgroup"))
        except OSError:
            continue
        if int(entry.name) != os.getpid() and (f"{state_root}/{name}/".encode() in text or group.encode() in text):
            found.append(f"process {entry.name}")
    found += [f"cgroup {path}" for path in Path("/sys/fs/cgroup").glob(f"**/{group}*")]
    mounts = Path("/proc/self/mounts").read_text().splitlines()
    found += [f"mount {line}" for line in mounts if f"{state_root}/" in line]
    for command in (["ip", "address"], ["ip", "route"], ["nft", "list", "ruleset"]):
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        if network is not None and f"10.{network}." in output:
            found.append(" ".join(command))
    return found


def network_number(cluster: Cluster) -> int:
    return int(cluster.gateway_url.split(".")[1])


def test_requests_follow_the_weights_of_a_route(cluster: Cluster) -> None:
    eventually(lambda: answers(cluster))
    set_weights(cluster, 0, 100)
    eventually(lambda: get(cluster) == "v2 v2")
    assert Counter(get(cluster) for _ in range(50)) == {"v2 v2": 50}
    set_weights(cluster, 50, 50)
    eventually(lambda: {get(cluster) for _ in range(50)} == {"v1 v1", "v2 v2"})


def answers(cluster: Cluster) -> bool:
    try:
        return bool(get(cluster))
    except OSError:
        return False


def test_the_timeout_of_a_route_ends_a_slow_request(cluster: Cluster) -> None:
    eventually(lambda: answers(cluster))
    with pytest.raises(urllib.error.HTTPError, match="504"):
        get(cluster, "/cgi-bin/slow")


@pytest.mark.parametrize("name", ["v2.demo.svc.cluster.local", "v2", "v1"])
def test_pods_reach_services_by_name_and_their_own_too(cluster: Cluster, name: str) -> None:
    assert page_seen_from_pod(cluster, name) == name[:2]


def page_seen_from_pod(cluster: Cluster, host: str) -> str | None:
    """What a pod of v1 gets from `host`; None when the pod cannot be entered or gets no answer."""
    fetch = ("/bin/busybox", "wget", "-qO-", f"http://{host}/")
    try:
        return kubectl(cluster, "exec", "--namespace=demo", "deployment/v1", "--", *fetch).strip()
    except subprocess.CalledProcessError:
        return None


def test_prometheus_scrapes_annotated_pods_with_namespace_and_pod(cluster: Cluster) -> None:
    eventually(lambda: len(query(cluster, "demo_requests_total")) == 2)
    labels = query(cluster, "demo_requests_total{namespace='demo', pod=~'v1-.*'}")[0]["metric"]
    assert labels["job"] == "pods"


def test_samples_outlive_the_pod_of_prometheus(cluster: Cluster) -> None:
    eventually(lambda: bool(query(cluster, "demo_requests_total")))
    before = time.time()
    scale = ("scale", "deployment/prometheus", "--namespace=monitoring")
    kubectl(cluster, *scale, "--replicas=0")
    kubectl(cluster, "wait", "--for=delete", "pod", "--selector=app=prometheus", "--namespace=monitoring")
    kubectl(cluster, *scale, "--replicas=1")
    eventually(lambda: bool(query(cluster, f"demo_requests_total @ {before}")))


def test_restricted_namespaces_refuse_privileged_pods(cluster: Cluster) -> None:
    pod = {"containers": [{"name": "x", "image": "x", "securityContext": {"privileged": True}}]}
    arguments = ["run", "x", "--image=x", "--namespace=demo", f"--overrides={json.dumps({'spec': pod})}"]
    with pytest.raises(subprocess.CalledProcessError) as failure:
        kubectl(cluster, *arguments)
    assert 'violates PodSecurity "restricted' in failure.value.stderr


def test_up_on_a_running_cluster_changes_nothing(cluster: Cluster, state_root: Path) -> None:
    records = state_root / cluster.name / "processes"
    before = {path.name: path.read_text() for path in records.iterdir()}
    cluster.up()
    assert {path.name: path.read_text() for path in records.iterdir()} == before


def test_a_killed_kubelet_comes_back(cluster: Cluster) -> None:
    def kubelet() -> set[int]:
        tasks = next(Path("/sys/fs/cgroup").glob(f"**/modelrollout-{cluster.name}-*/daemons/cgroup.procs"))
        pids = [int(pid) for pid in tasks.read_text().split()]
        return {pid for pid in pids if Path(f"/proc/{pid}/comm").read_text().strip() == "kubelet"}

    (killed,) = kubelet()
    os.kill(killed, 9)
    eventually(lambda: bool(kubelet() - {killed}))
    eventually(lambda: page_seen_from_pod(cluster, "v2") == "v2")


def test_two_clusters_run_side_by_side_and_one_goes_without_the_other(cluster: Cluster, state_root: Path) -> None:
    fixed = {folder for folder in FIXED_FOLDERS if Path(folder).exists()}
    second = Cluster("second")
    second.up()
    network = network_number(second)
    assert network != network_number(cluster)
    eventually(lambda: bool(query(second, "up")))
    traces = {trace.split()[0] for trace in remains(state_root, "second", network)}
    assert traces == {"cgroup", "folder", "ip", "process"}
    second.down()
    assert remains(state_root, "second", network) == []
    assert {folder for folder in FIXED_FOLDERS if Path(folder).exists()} == fixed
    assert get(cluster)


@pytest.mark.parametrize("stage", ["create node", "start control plane", "start node", "load images"])
def test_down_removes_what_a_killed_launcher_left(stage: str, state_root: Path) -> None:
    kill_launcher_after(stage, "killed")
    network = json.loads((state_root / "killed" / "cluster.json").read_text())["network"]
    Cluster("killed").down()
    assert remains(state_root, "killed", network) == []


def test_up_replaces_a_cluster_whose_launcher_or_node_was_killed(state_root: Path) -> None:
    kill_launcher_after("start node", "again")
    cluster = Cluster("again")
    assert cluster.status().state == "broken"
    cluster.up()
    pid = int((state_root / "again" / "processes" / "node").read_text().split()[0])
    os.kill(pid, 9)
    eventually(lambda: cluster.status().state == "broken")
    network = network_number(cluster)
    cluster.down()
    assert remains(state_root, "again", network) == []


def kill_launcher_after(stage: str, name: str) -> None:
    command = [sys.executable, "-m", "modelrollout_localcluster.main", "up", "--name", name]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as launcher:
        assert launcher.stderr
        for line in launcher.stderr:
            if line.startswith(f"{stage}:"):
                launcher.kill()
                return
    pytest.fail(f"the launcher ended before {stage}")
