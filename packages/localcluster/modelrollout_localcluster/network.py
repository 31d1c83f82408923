"""The address plan of a cluster and the link between the host and its node.

A node lives in a network namespace of its own, so its rules and interfaces never meet the host's or another
cluster's, and all of it disappears with the node's processes. The host reaches pods and services by one route.
"""

import ipaddress
import json
import subprocess
from dataclasses import dataclass

from .errors import LocalClusterError
from .tools import program_path

_CANDIDATES = range(201, 250)


@dataclass(frozen=True)
class Network:
    """Addresses of the cluster that has 10.N.0.0/16."""

    number: int

    @property
    def whole(self) -> str:
        return f"10.{self.number}.0.0/16"

    @property
    def host_link(self) -> str:
        """Name of the host's end of the link; 15 characters at most."""
        return f"modelrollout{self.number}"

    @property
    def host_address(self) -> str:
        return f"10.{self.number}.0.1"

    @property
    def node_address(self) -> str:
        return f"10.{self.number}.0.2"

    @property
    def link_prefix(self) -> int:
        return 30

    @property
    def pods(self) -> str:
        return f"10.{self.number}.1.0/24"

    @property
    def services(self) -> str:
        return f"10.{self.number}.16.0/20"

    def service_address(self, offset: int) -> str:
        """The `offset`-th address of the service range."""
        return str(ipaddress.ip_network(self.services)[offset])


def choose_network(taken: set[int]) -> int:
    """A number N such that nothing on this machine routes into 10.N.0.0/16 and no cluster recorded it."""
    used = [ipaddress.ip_network(destination) for destination in _routed_destinations()]
    for number in _CANDIDATES:
        network = ipaddress.ip_network(Network(number).whole)
        if number not in taken and not any(network.overlaps(other) for other in used):
            return number
    raise LocalClusterError(
        "Every network from 10.201.0.0/16 to 10.249.0.0/16 is in use; remove a cluster with `down`."
    )


def connect_host(network: Network, namespace_pid: int) -> None:
    """Join the host and the network namespace of process `namespace_pid` by a veth pair, `eth0` in there.

    The kernel removes both ends and the route when the namespace goes.
    """
    link = network.host_link
    for arguments in (
        ["link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", str(namespace_pid)],
        ["address", "add", f"{network.host_address}/{network.link_prefix}", "dev", link],
        ["link", "set", link, "up"],
        ["route", "add", network.whole, "via", network.node_address],
    ):
        _ip(*arguments)


def _routed_destinations() -> list[str]:
    routes = json.loads(_ip("-json", "-4", "route", "show", "table", "all"))
    return [route["dst"] for route in routes if route["dst"] != "default"]


def _ip(*arguments: str) -> str:
    result = subprocess.run([program_path("ip"), *arguments], capture_output=True, text=True, check=False)
    if result.returncode:
        raise LocalClusterError(f"ip {' '.join(arguments)} failed: {result.stderr.strip()}")
    return result.stdout
