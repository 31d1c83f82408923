"""Where the demo's cluster comes from, and how it goes."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from modelrollout_demo.current import CurrentProvider
from modelrollout_demo.environment import Environment, local_environment
from modelrollout_demo.kind import KindProvider
from modelrollout_localcluster import Cluster, Progress

LOCAL_NAME = "demo"


class Provider(Protocol):
    """One way to come by a cluster. Methods raise DemoError or LocalClusterError with what is missing."""

    @property
    def title(self) -> str:
        """What the reader knows it as."""

    def up(self, progress: Progress) -> AbstractContextManager[Environment]:
        """Make it ready for the demo; what the demo needs only while it runs ends with `with`."""

    def abandon(self) -> None:
        """After an interruption: remove what `up` and the demo made, but nothing that was there before."""

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

    @contextmanager
    def up(self, progress: Progress) -> Iterator[Environment]:
        self._was_there = Cluster(self._name).status().state == "running"
        yield local_environment(self._name, progress)

    def abandon(self) -> None:
        if not self._was_there:
            self.remove()

    def remove(self) -> None:
        Cluster(self._name).down()


PROVIDERS: dict[str, Callable[[], Provider]] = {
    "local": lambda: LocalProvider(LOCAL_NAME),
    "current": CurrentProvider,
    "kind": KindProvider,
}
