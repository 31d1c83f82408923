"""One node: containerd, kubelet and kube-proxy in namespaces of their own, like a machine within this one."""

import hashlib
import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import yaml

from . import cgroups, node_config
from .builds import CONTAINERD, CTR, KUBE_PROXY, KUBELET
from .control_plane import ControlPlane
from .errors import LocalClusterError
from .network import Network, connect_host
from .node_init import RUN
from .processes import Daemons
from .state import ClusterState

DAEMON = "node"
_DNS_OFFSET = 10


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
        self._write_configuration(control_plane)
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
        deadline = time.monotonic() + 120
        while self.run(CTR.path, "version").returncode:
            self.daemons.require_running(DAEMON)
            if time.monotonic() > deadline:
                raise LocalClusterError(f"containerd was not ready in 120 s; see {self.daemons.logs}/containerd.log.")
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
        result = self.run(CTR.path, "--namespace=k8s.io", "images", "import", "-", stdin=archive)
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
            "containerd": [str(CONTAINERD.path), f"--config={RUN}/containerd.toml"],
            "kubelet": [
                str(KUBELET.path),
                f"--config={RUN}/kubelet.yaml",
                f"--kubeconfig={RUN}/kubelet.kubeconfig",
                f"--root-dir={RUN}/kubelet",
                f"--hostname-override={self.name}",
                f"--node-ip={self.network.node_address}",
            ],
            "kube-proxy": [
                str(KUBE_PROXY.path),
                f"--config={RUN}/kube-proxy.yaml",
                f"--hostname-override={self.name}",
            ],
        }

    def _write_configuration(self, control_plane: ControlPlane) -> None:
        """Write the daemons' files into the folder that is /run/node inside."""
        kubelet_client = control_plane.client_kubeconfig("kubelet", f"system:node:{self.name}", "system:nodes")
        proxy_client = control_plane.client_kubeconfig("kube-proxy", "system:kube-proxy")
        serving = control_plane.authority.issue(
            "kubelet-serving", self.name, hosts=[self.name, self.network.node_address]
        )
        kubelet = node_config.kubelet(
            address=self.network.node_address,
            dns_address=self.dns_address,
            cgroup=self.cgroup,
            client_authority=control_plane.authority.certificate,
            serving=serving,
        )
        files = {
            "containerd.toml": node_config.containerd(),
            "cni/net.d/10-pods.conflist": json.dumps(node_config.pod_network(self.network.pods)),
            "kubelet.yaml": yaml.safe_dump(kubelet),
            "kubelet.kubeconfig": kubelet_client.read_text(),
            "kube-proxy.yaml": yaml.safe_dump(node_config.kube_proxy(self.network.pods)),
            "kube-proxy.kubeconfig": proxy_client.read_text(),
            # No name server outside the cluster.
            "resolv.conf": "",
        }
        for name, content in files.items():
            path = self.directory / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)


def cgroup_name(directory: Path) -> str:
    """One group for each state folder: clusters of two users may have the same name."""
    return f"modelrollout-{directory.name}-{hashlib.sha256(bytes(directory)).hexdigest()[:8]}"
