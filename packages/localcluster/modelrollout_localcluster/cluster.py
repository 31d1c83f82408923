"""A named cluster: the interface for programs, tests and the command line."""

import shutil
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from . import addons, cgroups, images
from .builds import CONTROL_PLANE, EVERYTHING, build
from .certificates import CertificateAuthority
from .control_plane import DAEMONS as CONTROL_PLANE_DAEMONS
from .control_plane import ControlPlane
from .errors import LocalClusterError
from .network import Network, choose_network
from .node import DAEMON as NODE_DAEMON
from .node import Node, cgroup_name
from .processes import Daemons
from .progress import Progress
from .state import ClusterState, choose_ports, cluster_directory, recorded_states, state_lock
from .tools import require_node_tools


@dataclass(frozen=True)
class Status:
    """What `status` prints."""

    name: str
    state: str
    """`absent`, `running`, or `broken`: begun or crashed, so that `up` makes it anew."""
    control_plane_only: bool = False
    kubeconfig: str = ""
    gateway_url: str = ""
    prometheus_url: str = ""
    daemons: dict[str, bool] | None = None

    def as_dict(self) -> dict[str, object]:
        return asdict(self)


class Cluster:
    """A local cluster called `name`; everything it does is safe to repeat and to interrupt.

    Names are lower case letters, digits and '-'. Methods raise LocalClusterError with a sentence that says what to do.
    """

    def __init__(self, name: str = "default", progress: Progress | None = None) -> None:
        self.name = name
        self._directory = cluster_directory(name)
        self._progress = progress or Progress(quiet=True)
        self._daemons = Daemons(self._directory / "processes", self._directory / "logs")

    @property
    def kubeconfig(self) -> Path:
        """Path of a kubeconfig with all rights."""
        return self._directory / "admin.kubeconfig"

    @property
    def gateway_url(self) -> str:
        """Where this machine reaches the Gateway `models`; requests choose a route by their Host header."""
        return f"http://{self._network.service_address(addons.ENVOY_OFFSET)}"

    @property
    def prometheus_url(self) -> str:
        """Where this machine reaches Prometheus."""
        return f"http://{self._network.service_address(addons.PROMETHEUS_OFFSET)}:9090"

    def up(
        self, control_plane_only: bool = False, scrape_interval_seconds: int = addons.SCRAPE_INTERVAL_SECONDS
    ) -> None:
        """Bring the cluster up, building what is missing. A running one is left as it is, a broken one made anew.

        A control plane alone (etcd, API server, controllers, scheduler) needs no root and runs no pods.
        `scrape_interval_seconds` is Prometheus's.
        """
        if not control_plane_only:
            require_node_tools()
        build(CONTROL_PLANE if control_plane_only else EVERYTHING, self._progress)
        if not control_plane_only:
            images.build_all(self._progress)
        with state_lock(self.name):
            status = self.status()
            if status.state == "running":
                if status.control_plane_only != control_plane_only:
                    raise LocalClusterError(f"Cluster {self.name} runs as another kind; take it down first.")
                return
            with self._progress.stage("remove leftovers"):
                self._remove()
            self._start(self._choose(control_plane_only), scrape_interval_seconds)
            self._ready_marker.touch()

    def down(self) -> None:
        """Remove everything the cluster made, however far it got and whatever of it was killed."""
        with state_lock(self.name):
            self._remove()

    def load_image(self, archive: Path) -> None:
        """Make the image in an OCI archive available to pods, under the name it has in the archive."""
        state = ClusterState.load(self.name)
        if state is None or state.network is None:
            raise LocalClusterError(f"Cluster {self.name} has no node to load images into; bring it up first.")
        Node(state, Network(state.network), self._daemons).load_image(archive)

    def status(self) -> Status:
        """What runs now; reads only."""
        state = ClusterState.load(self.name)
        if state is None:
            return Status(self.name, "broken" if self._directory.exists() else "absent")
        expected = [*CONTROL_PLANE_DAEMONS]
        if not state.control_plane_only:
            expected.append(NODE_DAEMON)
        daemons = {name: self._daemons.is_running(name) for name in expected}
        running = self._ready_marker.exists() and all(daemons.values())
        return Status(
            self.name,
            "running" if running else "broken",
            state.control_plane_only,
            str(self.kubeconfig),
            "" if state.control_plane_only else self.gateway_url,
            "" if state.control_plane_only else self.prometheus_url,
            daemons,
        )

    @property
    def _ready_marker(self) -> Path:
        return self._directory / "ready"

    @property
    def _network(self) -> Network:
        state = ClusterState.load(self.name)
        if state is None or state.network is None:
            raise LocalClusterError(f"Cluster {self.name} has no node, so no gateway and no Prometheus.")
        return Network(state.network)

    def _choose(self, control_plane_only: bool) -> ClusterState:
        """Record addresses that no other cluster has, before anything uses them."""
        with state_lock(""):
            others = recorded_states()
            ports = choose_ports({port for other in others for port in other.ports.values()})
            network = None
            if not control_plane_only:
                network = choose_network({other.network for other in others if other.network is not None})
            state = ClusterState(self.name, control_plane_only, ports, network)
            state.save()
        return state

    def _start(self, state: ClusterState, scrape_interval_seconds: int) -> None:
        control_plane = ControlPlane(state, CertificateAuthority(self._directory), self._daemons)
        if state.network is None:
            with self._progress.stage("start control plane"):
                control_plane.start()
            return
        node = Node(state, Network(state.network), self._daemons)
        with self._progress.stage("create node"):
            node.create_namespaces()
        with self._progress.stage("start control plane"):
            control_plane.start()
        with self._progress.stage("start node"):
            node.start(control_plane)
        with self._progress.stage("load images"):
            for image in images.ADDON_IMAGES:
                node.load_image(image.archive)
        with self._progress.stage("start CoreDNS, Contour, Envoy and Prometheus"):
            addons.install(self.kubeconfig, node, scrape_interval_seconds)

    def _remove(self) -> None:
        self._daemons.kill_all()
        cgroup = cgroup_name(self._directory)
        if cgroups.exists(cgroup):
            cgroups.remove(cgroup)
        # A folder that another process still writes to cannot stay: every process that could was killed above.
        if self._directory.exists():
            shutil.rmtree(self._directory)
            with suppress(OSError):  # Others still have their folder in it.
                self._directory.parent.rmdir()
