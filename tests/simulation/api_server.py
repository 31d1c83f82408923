"""An API server that refuses, forgets, answers late and outlives the operator: a `FakeKubeClient` with faults."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.unit.kube.fake_client import FakeKubeClient

from modelrollout.ports import (
    MODEL_ROLLOUT,
    Conflict,
    Forbidden,
    Invalid,
    KubeError,
    Manifest,
    ResourceKind,
    Unavailable,
)


class OperatorKilled(BaseException):
    """The operator's process ends between two instructions. No handler of errors may see it."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """What the API server says to every write of one kind of object until it is taken back."""

    kind: str
    error: type[KubeError]

    def check(self, manifest: Manifest) -> None:
        if manifest["kind"] == self.kind:
            raise self.error(f"{self.kind} {manifest['metadata']['name']}: refused by the simulation")


REFUSALS = {
    "quota": Forbidden,
    "schema": Invalid,
    "overload": Unavailable,
    "conflict": Conflict,
}


class SimulatedApiServer(FakeKubeClient):
    """Faults are set as attributes and hold until they are cleared.

    refusals: by kind of object. unreachable: every request fails. kill_at_write: how many more writes the process lives
        to make; None while nothing kills it. kill_after_effect: whether the write that it dies at has been done.
    writes: all that were done, in order.
    """

    def __init__(self, *objects: Manifest) -> None:
        super().__init__(*objects)
        self.refusals: dict[str, Refusal] = {}
        self.unreachable = False
        self.kill_at_write: int | None = None
        self.kill_after_effect = False
        self.writes: list[str] = []

    def calm(self) -> None:
        """End every fault."""
        self.refusals.clear()
        self.unreachable = False
        self.kill_at_write = None

    async def get(self, kind: ResourceKind, namespace: str, name: str) -> Manifest | None:
        self._reach()
        return await super().get(kind, namespace, name)

    async def list(
        self, kind: ResourceKind, namespace: str | None, labels: Mapping[str, str] | None = None
    ) -> list[Manifest]:
        self._reach()
        return await super().list(kind, namespace, labels)

    async def apply(self, manifest: Manifest, *, force: bool = True) -> Manifest:
        self._begin(manifest)
        live = await super().apply(manifest, force=force)
        self._end(f"apply {manifest['kind']}")
        return live

    async def apply_status(self, manifest: Manifest) -> Manifest:
        self._begin(manifest)
        live = self.objects.get((MODEL_ROLLOUT, manifest["metadata"]["namespace"], manifest["metadata"]["name"]))
        if live is None or live["metadata"]["uid"] != manifest["metadata"]["uid"]:
            raise Conflict("the ModelRollout is another one")
        if live["metadata"]["resourceVersion"] != manifest["metadata"]["resourceVersion"]:
            raise Conflict("the ModelRollout has changed")
        written = await super().apply_status(manifest)
        live["metadata"]["resourceVersion"] = self._next_version()
        self._end("apply status")
        return written

    async def delete(self, kind: ResourceKind, namespace: str, name: str, uid: str) -> None:
        self._begin({"kind": kind.kind, "metadata": {"name": name}})
        await super().delete(kind, namespace, name, uid)
        self._end(f"delete {kind.kind}")

    def edit(self, kind: ResourceKind, namespace: str, name: str, **fields: Any) -> None:
        """What somebody else's write does to an object: top-level fields are replaced."""
        live = self.objects[kind, namespace, name]
        if "spec" in fields and fields["spec"] != live.get("spec"):
            live["metadata"]["generation"] = live["metadata"].get("generation", 0) + 1
        live.update(fields)
        live["metadata"]["resourceVersion"] = self._next_version()

    def of_kind(self, kind: ResourceKind) -> dict[str, Manifest]:
        """All objects of a kind, by name; the simulation has one namespace."""
        return {name: item for (item_kind, _, name), item in self.objects.items() if item_kind == kind}

    def _reach(self) -> None:
        if self.unreachable:
            raise Unavailable("the API server does not answer")

    def _begin(self, manifest: Manifest) -> None:
        self._reach()
        if self.kill_at_write is not None and not self.kill_after_effect:
            self._countdown()
        for refusal in self.refusals.values():
            refusal.check(manifest)

    def _end(self, write: str) -> None:
        self.writes.append(write)
        if self.kill_at_write is not None and self.kill_after_effect:
            self._countdown()

    def _countdown(self) -> None:
        assert self.kill_at_write is not None
        self.kill_at_write -= 1
        if self.kill_at_write < 0:
            self.kill_at_write = None
            raise OperatorKilled

    def _next_version(self) -> str:
        self._revision += 1
        return str(self._revision)
