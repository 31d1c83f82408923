"""One node: containerd, kubelet and kube-proxy in namespaces of their own, like a machine within this one."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from string import Template

import yaml

from . import cgroups
from .builds import CONTAINERD, KUBERNETES
from .control_plane import ControlPlane
from .errors import LocalClusterError
from .network import Network, connect_host
from .node_init import CONTAINERD_SOCKET, RUN
from .paths import MANIFESTS
from .processes import Daemons
from .state import ClusterState
from .tools import cni_folder, program_path

DAEMON = "node"
CLUSTER_DOMAIN = "cluster.local"
_DNS_OFFSET = 10
PAUSE_IMAGE = "localhost/modelrollout/pause:1"


@dataclass(frozen=True)
class Node:
    """The node of a cluster. `directory` is seen as /run/node inside."""

    state: ClusterState
    network: Network
    daemons: Daemons

    @property
    def name(self) -> str:
        return f"{self.state.name}-node"

    @property
    def directory(self) -> Path:
        return self.state.directory / "node"

    @property
    def cgroup(self) -> str:
        return cgroup_name(self.state.directory)

    @property
    def dns_address(self) -> str:
        return self.network.service_address(_DNS_OFFSET)

    def create_namespaces(self) -> None:
        """Start the node's first process and link it to the host; its daemons wait for `start`."""
        self.directory.mkdir(parents=True)
        cgroups.create(self.cgroup)
        namespaces = ["--mount", "--net", "--pid", "--propagation=private", "--mount-proc"]
        init = [sys.executable, "-P", "-m", "modelrollout_localcluster.node_init", str(self._config)]
        self.daemons.start(DAEMON, ["unshare", *namespaces, "--fork", "--kill-child", "--", *init])
        while not self._has_own_network():
            self.daemons.require_running(DAEMON)
            time.sleep(0.02)
        connect_host(self.network, self._pid)

    def start(self, control_plane: ControlPlane) -> None:
        """Start containerd, kubelet and kube-proxy and wait until containerd answers."""
        self._write_containerd_config()
        self._write_cni_config()
        self._write_kubelet_config(control_plane)
        self._write_kube_proxy_config(control_plane)
        config = {
            "cgroup": self.cgroup,
            "directory": str(self.directory),
            "address": f"{self.network.node_address}/{self.network.link_prefix}",
            "gateway": self.network.host_address,
            "logs": str(self.daemons.logs),
            "daemons": self._daemon_commands(),
        }
        unfinished = self._config.with_suffix(".new")
        unfinished.write_text(json.dumps(config))
        unfinished.replace(self._config)
        deadline = time.monotonic() + 60
        while self.run(CONTAINERD.binary("ctr"), "version").returncode:
            self.daemons.require_running(DAEMON)
            if time.monotonic() > deadline:
                raise LocalClusterError(f"containerd was not ready in 60 s; see {self.daemons.logs}/containerd.log.")
            time.sleep(0.1)

    def run(self, *command: str | Path, stdin: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Run a program inside the node; `stdin` is opened on the host."""
        enter = [
            "nsenter",
            f"--target={self._pid}",
            "--mount",
            "--net",
            f"--pid=/proc/{self._pid}/ns/pid_for_children",
        ]
        with (stdin or Path(os.devnull)).open("rb") as source:
            return subprocess.run([*enter, "--", *command], stdin=source, capture_output=True, text=True, check=False)

    def load_image(self, archive: Path) -> None:
        """Import an OCI archive into containerd, where kubelet finds it."""
        result = self.run(CONTAINERD.binary("ctr"), "--namespace=k8s.io", "images", "import", "-", stdin=archive)
        if result.returncode:
            raise LocalClusterError(f"Could not load {archive}: {result.stderr.strip()}")

    @property
    def _config(self) -> Path:
        return self.directory / "init.json"

    @property
    def _pid(self) -> int:
        record = self.daemons.record(DAEMON)
        if record is None or not record.is_running():
            raise LocalClusterError(f"Cluster {self.state.name} has no running node; bring it up first.")
        return record.pid

    def _has_own_network(self) -> bool:
        return os.stat(f"/proc/{self._pid}/ns/net").st_ino != os.stat("/proc/self/ns/net").st_ino

    def _daemon_commands(self) -> dict[str, list[str]]:
        return {
            "containerd": [str(CONTAINERD.binary("containerd")), f"--config={RUN}/containerd.toml"],
            "kubelet": [
                str(KUBERNETES.binary("kubelet")),
                f"--config={RUN}/kubelet.yaml",
                f"--kubeconfig={RUN}/kubelet.kubeconfig",
                f"--root-dir={RUN}/kubelet",
                f"--hostname-override={self.name}",
                f"--node-ip={self.network.node_address}",
            ],
            "kube-proxy": [
                str(KUBERNETES.binary("kube-proxy")),
                f"--config={RUN}/kube-proxy.yaml",
                f"--hostname-override={self.name}",
            ],
        }

    def _write_containerd_config(self) -> None:
        template = Template((MANIFESTS / "containerd.toml").read_text())
        content = template.substitute(
            cni=cni_folder(),
            pause=PAUSE_IMAGE,
            run=RUN,
            runc=program_path("runc"),
            shim=CONTAINERD.binary("containerd-shim-runc-v2"),
            socket=CONTAINERD_SOCKET,
        )
        (self.directory / "containerd.toml").write_text(content)

    def _write_cni_config(self) -> None:
        # One routed link per pod, no bridge: traffic from pod to pod by a service's address passes the node's rules
        # in both directions without the br_netfilter module.
        interface = {
            "type": "ptp",
            "ipam": {
                "type": "host-local",
                "dataDir": f"{RUN}/cni/leases",
                "ranges": [[{"subnet": self.network.pods}]],
            },
        }
        interface["ipam"] |= {"routes": [{"dst": "0.0.0.0/0"}]}  # type: ignore[operator]
        folder = self.directory / "cni" / "net.d"
        folder.mkdir(parents=True)
        configuration = {"cniVersion": "1.0.0", "name": "pods", "plugins": [interface]}
        (folder / "10-pods.conflist").write_text(json.dumps(configuration))

    def _write_kubelet_config(self, control_plane: ControlPlane) -> None:
        client = control_plane.client_kubeconfig("kubelet", f"system:node:{self.name}", "system:nodes")
        serving = control_plane.authority.issue(
            "kubelet-serving", self.name, hosts=[self.name, self.network.node_address]
        )
        shutil.copy(client, self.directory / "kubelet.kubeconfig")
        (self.directory / "resolv.conf").touch()
        configuration = {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "address": self.network.node_address,
            "authentication": {
                "anonymous": {"enabled": False},
                "webhook": {"enabled": True},
                "x509": {"clientCAFile": str(control_plane.authority.certificate)},
            },
            "authorization": {"mode": "Webhook"},
            "tlsCertFile": str(serving.certificate),
            "tlsPrivateKeyFile": str(serving.key),
            "containerRuntimeEndpoint": f"unix://{CONTAINERD_SOCKET}",
            "cgroupDriver": "cgroupfs",
            "cgroupRoot": f"/{self.cgroup}",
            "failCgroupV1": False,
            "failSwapOn": False,
            "clusterDNS": [self.dns_address],
            "clusterDomain": CLUSTER_DOMAIN,
            "resolvConf": f"{RUN}/resolv.conf",
            "podLogsDir": f"{RUN}/pod-logs",
            "volumePluginDir": f"{RUN}/volume-plugins",
            "makeIPTablesUtilChains": False,
            # Lowering it needs a capability that a container or a hardened machine may not have.
            "oomScoreAdj": 0,
            # Images are loaded from files and cannot be pulled again, so none may be collected or evicted for.
            "imageGCHighThresholdPercent": 100,
            "evictionHard": {"nodefs.available": "0%", "nodefs.inodesFree": "0%", "imagefs.available": "0%"},
        }
        (self.directory / "kubelet.yaml").write_text(yaml.safe_dump(configuration))

    def _write_kube_proxy_config(self, control_plane: ControlPlane) -> None:
        client = control_plane.client_kubeconfig("kube-proxy", "system:kube-proxy")
        configuration = {
            "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
            "kind": "KubeProxyConfiguration",
            "mode": "nftables",
            "clusterCIDR": self.network.pods,
            "clientConnection": {"kubeconfig": str(client)},
            "conntrack": {"maxPerCore": 0, "min": 0},
            "oomScoreAdj": 0,
        }
        (self.directory / "kube-proxy.yaml").write_text(yaml.safe_dump(configuration))


def cgroup_name(directory: Path) -> str:
    """One group for each state folder: clusters of two users may have the same name."""
    return f"modelrollout-{directory.name}-{hashlib.sha256(bytes(directory)).hexdigest()[:8]}"
