"""Records what happens to the objects of a namespace, for the invariants."""

from types import TracebackType
from typing import Self

from modelrollout_testkit.changes import Change
from modelrollout_testkit.kubectl import Kubectl
from modelrollout_testkit.watching import Watch

_KINDS = ("modelrollouts.modelrollout.io", "httproutes.gateway.networking.k8s.io", "deployments.apps", "pods")


class Recorder:
    """Follows ModelRollouts, HTTPRoutes, Deployments and Pods of a namespace while `with` lasts."""

    def __init__(self, kubectl: Kubectl, namespace: str) -> None:
        self._kubectl = kubectl
        self._namespace = namespace
        self._watches: list[Watch] = []

    def __enter__(self) -> Self:
        self._watches += [Watch(self._kubectl, kind, self._namespace) for kind in _KINDS]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for watch in self._watches:
            watch.close()

    @property
    def changes(self) -> list[Change]:
        """Every change so far, in no order. Raises TestkitError if a watch has ended by itself."""
        for watch in self._watches:
            watch.require_running()
        return [change for watch in self._watches for change in watch.history]
