"""Configuration of containerd, the pod network, kubelet and kube-proxy, as the node sees the paths."""

from pathlib import Path
from string import Template

from .builds import CONTAINERD_SHIM
from .certificates import KeyPair
from .images import PAUSE
from .node_init import CONTAINERD_SOCKET, RUN
from .paths import MANIFESTS
from .tools import cni_folder, program_path

CLUSTER_DOMAIN = "cluster.local"


def containerd() -> str:
    """containerd's TOML."""
    return Template((MANIFESTS / "containerd.toml").read_text()).substitute(
        cni=cni_folder(),
        pause=PAUSE.reference,
        run=RUN,
        runc=program_path("runc"),
        shim=CONTAINERD_SHIM.path,
        socket=CONTAINERD_SOCKET,
    )


def pod_network(pods: str) -> dict[str, object]:
    """A CNI configuration list that gives pods addresses of the network `pods`."""
    # One routed link per pod, no bridge: traffic from pod to pod by a service's address passes the node's rules in
    # both directions without the br_netfilter module.
    addresses = {
        "type": "host-local",
        "dataDir": f"{RUN}/cni/leases",
        "ranges": [[{"subnet": pods}]],
        "routes": [{"dst": "0.0.0.0/0"}],
    }
    return {"cniVersion": "1.0.0", "name": "pods", "plugins": [{"type": "ptp", "ipam": addresses}]}


def kubelet(
    *, address: str, dns_address: str, cgroup: str, client_authority: Path, serving: KeyPair
) -> dict[str, object]:
    """A KubeletConfiguration."""
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": address,
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(client_authority)},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": str(serving.certificate),
        "tlsPrivateKeyFile": str(serving.key),
        "containerRuntimeEndpoint": f"unix://{CONTAINERD_SOCKET}",
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{cgroup}",
        "failCgroupV1": False,
        "failSwapOn": False,
        "clusterDNS": [dns_address],
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


def kube_proxy(pods: str) -> dict[str, object]:
    """A KubeProxyConfiguration for pods that have addresses of the network `pods`."""
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "nftables",
        "clusterCIDR": pods,
        "clientConnection": {"kubeconfig": f"{RUN}/kube-proxy.kubeconfig"},
        "conntrack": {"maxPerCore": 0, "min": 0},
        "oomScoreAdj": 0,
    }
