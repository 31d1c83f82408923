"""Where a cluster comes from, and how it goes."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol

from modelrollout_localcluster import Progress
from modelrollout_testkit.checkout import Checkout
from modelrollout_testkit.environment import Environment
from modelrollout_testkit.providers.current import CurrentProvider
from modelrollout_testkit.providers.kind import KindProvider
from modelrollout_testkit.providers.local import LocalProvider


class Provider(Protocol):
    """One way to come by a cluster. Methods raise TestkitError or LocalClusterError with what is missing."""

    @property
    def title(self) -> str:
        """What the reader knows it as."""

    def up(self, progress: Progress) -> AbstractContextManager[Environment]:
        """Make it ready for the demo; what the demo needs only while it runs ends with `with`."""

    def abandon(self) -> None:
        """After an interruption: remove what `up` and the demo made, but nothing that was there before."""

    def remove(self) -> None:
        """Remove everything that the demo leaves."""


PROVIDERS: dict[str, Callable[[Checkout], Provider]] = {
    "local": LocalProvider,
    "current": CurrentProvider,
    "kind": KindProvider,
}
