"""ModelRollouts on an API server, as the user of the command line sees them."""

import argparse
import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any, Protocol, TypeVar

from modelrollout.api.parsing import parse_rollout
from modelrollout.api.rollout import ModelRollout
from modelrollout.cli.arguments import Commands, add_command, read
from modelrollout.cli.console import CommandFailed
from modelrollout.kube.access import NoAccess, connect, default_namespace
from modelrollout.kube.official import OfficialKubeClient
from modelrollout.kube.ownership import Owner
from modelrollout.kube.retry import RetryPolicy
from modelrollout.ports import CONTROLLER_REVISION, MODEL_ROLLOUT, KubeClient, KubeError, Manifest, Unavailable
from modelrollout_contract.objects import ROLLOUT_LABEL

FIELD_MANAGER = "kubectl-modelrollout"

_PATIENCE = RetryPolicy(attempts=3, base=0.5, budget=5.0)
_POLL_SECONDS = 2.0


class Unanswered(CommandFailed):
    """The API server could not be reached or could not answer; trying again may help."""


@dataclass(frozen=True, slots=True)
class Connection:
    """The options that say which cluster and which namespace is meant."""

    namespace: str | None
    context: str | None
    kubeconfig: str | None


class Connected(Protocol):
    """The options of a command that needs a cluster."""

    @property
    def connection(self) -> Connection: ...


T = TypeVar("T")
Wanted = TypeVar("Wanted", bound=Connected)


class Cluster:
    """The ModelRollouts of one namespace. Every method raises CommandFailed with the API server's reason."""

    def __init__(self, client: KubeClient, namespace: str) -> None:
        self.namespace = namespace
        self._client = client

    async def get(self, name: str) -> Manifest:
        """A ModelRollout as the API server has it."""
        found = await _answered(self._client.get(MODEL_ROLLOUT, self.namespace, name))
        if found is None:
            raise CommandFailed(f"there is no ModelRollout {self.namespace}/{name}")
        return found

    async def read(self, name: str) -> ModelRollout:
        """A ModelRollout. Fails too if its manifest is one that the operator refuses."""
        rollout = parse_rollout(await self.get(name))
        if not isinstance(rollout, ModelRollout):
            raise CommandFailed(f"the manifest of {name} is invalid: {'; '.join(map(str, rollout))}")
        return rollout

    async def list(self, *, everywhere: bool = False) -> Sequence[Manifest]:
        """All ModelRollouts of the namespace, or of all namespaces."""
        return await _answered(self._client.list(MODEL_ROLLOUT, None if everywhere else self.namespace))

    async def annotate(self, name: str, annotation: str, value: str) -> None:
        """Set one annotation of a ModelRollout and touch nothing else."""
        await _answered(self._client.annotate(MODEL_ROLLOUT, self.namespace, name, {annotation: value}))

    async def edit(self, name: str, changes: Mapping[str, Any]) -> None:
        """Change fields of a ModelRollout, as a JSON merge patch."""
        await _answered(self._client.merge(MODEL_ROLLOUT, self.namespace, name, changes))

    async def revisions(self, name: str, uid: str) -> Sequence[Manifest]:
        """The ControllerRevisions that a ModelRollout owns, in no order."""
        found = await _answered(self._client.list(CONTROLLER_REVISION, self.namespace, {ROLLOUT_LABEL: name}))
        return [item for item in found if Owner(self.namespace, name, uid).owns(item)]

    async def poll(self, name: str, timeout: float | None) -> AsyncIterator[ModelRollout]:
        """The ModelRollout again and again, every other second, until `timeout` seconds (None: for ever) are over.

        An API server that has answered once is asked again if it does not.
        """
        deadline = inf if timeout is None else time.monotonic() + timeout
        answered = False
        while True:
            try:
                rollout = await self.read(name)
            except Unanswered:
                if not answered:
                    raise
            else:
                answered = True
                yield rollout
            if time.monotonic() + _POLL_SECONDS > deadline:
                return
            await asyncio.sleep(_POLL_SECONDS)


def add_cluster_command(
    commands: Commands,
    name: str,
    wanted: type[Wanted],
    run: Callable[[Wanted, Cluster], Awaitable[int]],
    summary: str,
) -> argparse.ArgumentParser:
    """As `add_command`, for a command that needs a cluster: `run` gets the one that its options name."""

    def connected(options: argparse.Namespace) -> int:
        return asyncio.run(_run(run, read(wanted, options)))

    parser = add_command(commands, name, connected, summary)
    parser.add_argument("-n", "--namespace", help="namespace (default: that of the context)")
    parser.add_argument("--context", help="context of the kubeconfig to use")
    parser.add_argument("--kubeconfig", help="kubeconfig to use instead of $KUBECONFIG or ~/.kube/config")
    return parser


async def _run(run: Callable[[Wanted, Cluster], Awaitable[int]], options: Wanted) -> int:
    connection = options.connection
    try:
        transport = await connect(connection.kubeconfig, connection.context)
        namespace = connection.namespace or default_namespace(connection.kubeconfig, connection.context)
    except NoAccess as error:
        raise CommandFailed(f"no cluster to talk to: {error}") from error
    async with OfficialKubeClient(transport, retry=_PATIENCE, field_manager=FIELD_MANAGER) as client:
        return await run(options, Cluster(client, namespace))


async def _answered(answer: Awaitable[T]) -> T:
    try:
        return await answer
    except Unavailable as error:
        raise Unanswered(f"cannot {error}") from error
    except KubeError as error:
        raise CommandFailed(f"cannot {error}") from error
