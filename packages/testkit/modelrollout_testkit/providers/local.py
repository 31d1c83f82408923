"""A cluster of our own on this machine, with no container engine."""

from collections.abc import Iterator
from contextlib import contextmanager

from modelrollout_localcluster import Cluster, Progress
from modelrollout_testkit.checkout import Checkout
from modelrollout_testkit.environment import Environment, local_environment

NAME = "demo"


class LocalProvider:
    """The local cluster `demo`."""

    def __init__(self, checkout: Checkout, name: str = NAME) -> None:
        self._checkout = checkout
        self._name = name
        self._was_there = True

    @property
    def title(self) -> str:
        return f"local cluster `{self._name}`"

    @contextmanager
    def up(self, progress: Progress) -> Iterator[Environment]:
        self._was_there = Cluster(self._name).status().state == "running"
        yield local_environment(self._checkout, self._name, progress)

    def abandon(self) -> None:
        if not self._was_there:
            self.remove()

    def remove(self) -> None:
        Cluster(self._name).down()
