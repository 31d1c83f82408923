"""etcd, the API server, the controller manager and the scheduler, as plain processes without root."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from . import kubectl
from .builds import API_SERVER, CONTROLLER_MANAGER, ETCD, SCHEDULER
from .certificates import CertificateAuthority, KeyPair
from .errors import LocalClusterError
from .kubeconfig import write_kubeconfig
from .network import Network
from .processes import Daemons
from .state import ClusterState

DAEMONS = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler")
_LOOPBACK = "127.0.0.1"
_LONE_CONTROL_PLANE_SERVICES = "10.96.0.0/16"


@dataclass(frozen=True)
class ControlPlane:
    """Credentials and processes of one control plane; all of its files are in the cluster's folder."""

    state: ClusterState
    authority: CertificateAuthority
    daemons: Daemons

    @property
    def address(self) -> str:
        """Where the API server listens: loopback, or the host's end of the node's link, which pods reach too."""
        return Network(self.state.network).host_address if self.state.network else _LOOPBACK

    @property
    def server(self) -> str:
        return f"https://{self.address}:{self.state.ports['apiserver']}"

    def client_kubeconfig(self, name: str, common_name: str, organization: str = "") -> Path:
        """Issue a client certificate and write `NAME.kubeconfig`."""
        path = self.state.directory / f"{name}.kubeconfig"
        pair = self.authority.issue(name, common_name, organization)
        write_kubeconfig(path, self.server, self.authority.certificate, pair, self.state.name)
        return path

    def start(self) -> None:
        """Start all four and wait until the API server is ready and hands out service accounts."""
        signing_key = self.authority.signing_key("service-accounts")
        admin = self.client_kubeconfig("admin", "admin", "system:masters")
        self._start_etcd(self.authority.issue("etcd", "etcd", hosts=[_LOOPBACK]))
        self._start_apiserver(signing_key)
        self._await("kube-apiserver", lambda: kubectl.succeeds(admin, "get", "--raw", "/readyz"))
        self._start_controllers(signing_key)
        self._await("kube-controller-manager", lambda: kubectl.succeeds(admin, "get", "serviceaccount", "default"))

    def _start_etcd(self, pair: KeyPair) -> None:
        client = f"https://{_LOOPBACK}:{self.state.ports['etcd']}"
        peer = f"https://{_LOOPBACK}:{self.state.ports['etcd_peer']}"
        command: list[str | Path] = [
            ETCD.path,
            f"--data-dir={self.state.directory / 'etcd'}",
            f"--listen-client-urls={client}",
            f"--advertise-client-urls={client}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=default={peer}",
            # A crash of the machine may lose this throwaway cluster; waiting for the disk would slow every test.
            "--unsafe-no-fsync",
        ]
        for prefix in ("", "peer-"):
            command += [
                f"--{prefix}cert-file={pair.certificate}",
                f"--{prefix}key-file={pair.key}",
                f"--{prefix}trusted-ca-file={self.authority.certificate}",
                f"--{prefix}client-cert-auth",
            ]
        self.daemons.start("etcd", command)

    def _start_apiserver(self, signing_key: Path) -> None:
        services = Network(self.state.network).services if self.state.network else _LONE_CONTROL_PLANE_SERVICES
        names = [
            "kubernetes",
            "kubernetes.default",
            "kubernetes.default.svc",
            "kubernetes.default.svc.cluster.local",
        ]
        addresses = [self.address, _LOOPBACK, "localhost"]
        if self.state.network:
            addresses.append(Network(self.state.network).service_address(1))
        serving = self.authority.issue("apiserver", "kube-apiserver", hosts=[*names, *addresses])
        etcd = self.authority.issue("apiserver-etcd", "kube-apiserver")
        kubelet = self.authority.issue("apiserver-kubelet", "kube-apiserver", "system:masters")
        command: list[str | Path] = [
            API_SERVER.path,
            f"--bind-address={self.address}",
            f"--advertise-address={self.address}",
            f"--secure-port={self.state.ports['apiserver']}",
            f"--etcd-servers=https://{_LOOPBACK}:{self.state.ports['etcd']}",
            f"--etcd-cafile={self.authority.certificate}",
            f"--etcd-certfile={etcd.certificate}",
            f"--etcd-keyfile={etcd.key}",
            f"--client-ca-file={self.authority.certificate}",
            f"--tls-cert-file={serving.certificate}",
            f"--tls-private-key-file={serving.key}",
            f"--kubelet-certificate-authority={self.authority.certificate}",
            f"--kubelet-client-certificate={kubelet.certificate}",
            f"--kubelet-client-key={kubelet.key}",
            "--kubelet-preferred-address-types=InternalIP",
            f"--service-account-key-file={signing_key}",
            f"--service-account-signing-key-file={signing_key}",
            "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
            f"--service-cluster-ip-range={services}",
            "--authorization-mode=Node,RBAC",
            "--enable-admission-plugins=NodeRestriction",
            "--allow-privileged=true",
        ]
        if not self.state.network:
            # Nothing can run behind the `kubernetes` service, and a loopback endpoint would be refused.
            command.append("--endpoint-reconciler-type=none")
        self.daemons.start("kube-apiserver", command)

    def _start_controllers(self, signing_key: Path) -> None:
        manager = self.client_kubeconfig("kube-controller-manager", "system:kube-controller-manager")
        scheduler = self.client_kubeconfig("kube-scheduler", "system:kube-scheduler")
        common = ["--leader-elect=false", "--secure-port=0", "--kube-api-qps=200", "--kube-api-burst=400"]
        self.daemons.start(
            "kube-controller-manager",
            [
                CONTROLLER_MANAGER.path,
                f"--kubeconfig={manager}",
                f"--service-account-private-key-file={signing_key}",
                f"--root-ca-file={self.authority.certificate}",
                "--use-service-account-credentials",
                *common,
            ],
        )
        self.daemons.start("kube-scheduler", [SCHEDULER.path, f"--kubeconfig={scheduler}", *common])

    def _await(self, daemon: str, ready: Callable[[], bool], timeout_seconds: float = 120.0) -> None:
        deadline = time.monotonic() + timeout_seconds
        while not ready():
            for name in self.daemons.names():
                self.daemons.require_running(name)
            if time.monotonic() > deadline:
                raise LocalClusterError(f"{daemon} was not ready in {timeout_seconds:.0f} s; see {self.daemons.logs}.")
            time.sleep(0.1)
