"""What is recorded about a cluster, and the locks that keep two launchers apart."""

import json
import re
import socket
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from .errors import LocalClusterError
from .locks import file_lock
from .paths import cache_directory, state_root

_NAME = re.compile(r"[a-z]([a-z0-9-]{0,28}[a-z0-9])?")
# Below the ephemeral range, so that no outgoing connection takes a port between its choice and its use.
_PORTS = range(20000, 32000)
PORT_NAMES = ("apiserver", "etcd", "etcd_peer")


@dataclass(frozen=True)
class ClusterState:
    """Everything chosen when a cluster is made. Written before anything is started."""

    name: str
    control_plane_only: bool
    ports: dict[str, int]
    network: int | None
    """Second byte of the cluster's 10.N.0.0/16; None for a control plane alone."""

    @property
    def directory(self) -> Path:
        return cluster_directory(self.name)

    def save(self) -> None:
        self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        target = self.directory / "cluster.json"
        temporary = target.with_suffix(".new")
        temporary.write_text(json.dumps(asdict(self), indent=2))
        temporary.replace(target)

    @classmethod
    def load(cls, name: str) -> Self | None:
        """The recorded state; None when no such cluster was made, or only begun."""
        try:
            return cls(**json.loads((cluster_directory(name) / "cluster.json").read_text()))
        except FileNotFoundError:
            return None


def cluster_directory(name: str) -> Path:
    if not _NAME.fullmatch(name):
        raise LocalClusterError(f"Cluster name {name!r} must be lower case letters, digits and '-', at most 30.")
    return state_root() / name


def cluster_names() -> list[str]:
    """Names of all clusters with anything recorded, running or not."""
    return sorted(path.name for path in state_root().glob("*") if path.is_dir())


def recorded_states() -> list[ClusterState]:
    return [state for name in cluster_names() if (state := ClusterState.load(name))]


def state_lock(name: str) -> AbstractContextManager[None]:
    """Held while the cluster called `name` is changed, or with "" while addresses are being chosen."""
    return file_lock(cache_directory() / "locks" / f"cluster-{name}")


def choose_ports(taken: set[int]) -> dict[str, int]:
    """Free loopback ports, one for each of `PORT_NAMES`, none of them in `taken`."""
    free = (port for port in _PORTS if port not in taken and _is_free(port))
    return dict(zip(PORT_NAMES, free, strict=False))


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("", port))
        except OSError:
            return False
    return True
