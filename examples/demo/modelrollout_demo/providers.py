"""Where the demo's cluster comes from, and how it goes."""

from typing import Protocol

from modelrollout_demo.environment import Environment, local_environment
from modelrollout_localcluster import Cluster, Progress

CLUSTER_NAME = "demo"


class Provider(Protocol):
    """One way to come by a cluster. Methods raise DemoError or LocalClusterError with what is missing."""

    @property
    def title(self) -> str:
        """What the reader knows it as."""

    def up(self, progress: Progress) -> Environment:
        """Make it ready for the demo."""

    def abandon(self) -> None:
        """After an interruption: remove what `up` made, but nothing that was there before."""

    def remove(self) -> None:
        """Remove everything that the demo leaves."""


class LocalProvider:
    """A cluster of our own on this machine, with no container engine."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._was_there = True

    @property
    def title(self) -> str:
        return f"local cluster `{self._name}`"

    def up(self, progress: Progress) -> Environment:
        self._was_there = Cluster(self._name).status().state == "running"
        return local_environment(self._name, progress)

    def abandon(self) -> None:
        if not self._was_there:
            self.remove()

    def remove(self) -> None:
        Cluster(self._name).down()


def provider(kind: str, name: str) -> Provider:
    """The provider called `local`. name: of the local cluster."""
    assert kind == "local"
    return LocalProvider(name)
