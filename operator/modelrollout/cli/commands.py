"""`promote`, `abort`, `approve` and `retry`: what a person tells the operator to do.

A command is an annotation with a value that was not used before. The operator carries it out with its next decision
and notes the value in `status.handled`.
"""

import getpass
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from modelrollout.api.commands import AWAITING_APPROVAL, Command
from modelrollout.api.rollout import ModelRollout
from modelrollout.cli import arguments
from modelrollout.cli.arguments import Commands
from modelrollout.cli.cluster import Cluster, Connection, add_cluster_command
from modelrollout.cli.console import CommandFailed, ExitCode
from modelrollout.offline.ending import wanted_by


@dataclass(frozen=True, slots=True)
class Told:
    """The options of each of these commands. timeout: seconds."""

    connection: Connection
    command: str
    name: str
    wait: bool
    timeout: float


def add_parser(commands: Commands) -> None:
    for command in Command:
        parser = add_cluster_command(commands, command, Told, run, command.summary)
        parser.add_argument("name", help="of the ModelRollout")
        parser.add_argument("--wait", action="store_true", help="wait until the operator has carried it out")
        parser.add_argument(
            "--timeout", type=arguments.seconds, default=120.0, metavar="DURATION", help="of --wait (2m)"
        )


async def run(options: Told, cluster: Cluster) -> int:
    command, name = Command(options.command), options.name
    if reason := refusal(command, await cluster.read(name)):
        raise CommandFailed(f"cannot {command} {name}: {reason}")
    value = await give(cluster, command, name)
    return await _await_handling(cluster, command, name, value, options.timeout) if options.wait else ExitCode.OK


async def give(cluster: Cluster, command: Command, name: str) -> str:
    """Tell the operator to do something. Returns the value that it will note when it has."""
    value = token(_user(), datetime.now(UTC))
    await cluster.annotate(name, command.annotation, value)
    print(f"{name}: told to {command} ({value})")
    return value


def token(user: str, now: datetime) -> str:
    """A value that says who gave the command, and that no other command has."""
    return f"{now.isoformat(timespec='microseconds')} {user}"


def refusal(command: Command, rollout: ModelRollout) -> str:
    """Why a command makes no sense now; empty if it does."""
    if rollout.metadata.deletion_timestamp:
        return "it is being deleted"
    if rollout.spec.suspend:
        return "spec.suspend is true, so nothing would happen"
    if (rollout.status.observed_generation or 0) < rollout.metadata.generation:
        return "the operator has not looked at the latest change yet; try again in a moment"
    return _REFUSALS[command](rollout)


def _refuse_promote(rollout: ModelRollout) -> str:
    status = rollout.status
    if status.challenger is None or status.rollout is None:
        return _nothing_under_way(rollout)
    if status.rollout.promoting_since:
        return f"{status.challenger.bento} is being promoted already"
    return ""


def _refuse_abort(rollout: ModelRollout) -> str:
    under_way = rollout.status.challenger or rollout.status.watch
    return "" if under_way else _nothing_under_way(rollout)


def _refuse_approve(rollout: ModelRollout) -> str:
    progress, steps = rollout.status.rollout, rollout.spec.strategy.steps
    if any(c.type == "Ready" and c.reason in AWAITING_APPROVAL for c in rollout.status.conditions):
        return ""
    if progress is None:
        return _nothing_under_way(rollout)
    if progress.held_since:
        return ""
    if progress.promoting_since or not steps or not steps[min(progress.step, len(steps) - 1)].approval:
        return f"the present step, weight {progress.target_weight}, waits for no approval"
    return ""


def _refuse_retry(rollout: ModelRollout) -> str:
    wanted = wanted_by(rollout.spec, rollout.status)
    rolled_back = any(entry.hash == wanted.hash and not entry.released for entry in rollout.status.quarantine)
    return "" if rolled_back else f"{wanted.bento} was not rolled back"


_REFUSALS: dict[Command, Callable[[ModelRollout], str]] = {
    Command.PROMOTE: _refuse_promote,
    Command.ABORT: _refuse_abort,
    Command.APPROVE: _refuse_approve,
    Command.RETRY: _refuse_retry,
}


def _nothing_under_way(rollout: ModelRollout) -> str:
    champion = rollout.status.champion
    return f"no rollout is under way{f'; {champion.bento} is the champion' if champion else ''}"


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        # In a container the user may have no name.
        return f"uid {os.getuid()}"


async def _await_handling(cluster: Cluster, command: Command, name: str, value: str, timeout: float) -> int:
    async for rollout in cluster.poll(name, timeout):
        decision = rollout.status.last_decision
        if rollout.status.handled.get(command) == value:
            print(f"{name}: {decision.message if decision else 'carried out'}")
            return ExitCode.OK
        if reason := refusal(command, rollout):
            raise CommandFailed(f"{name} did not {command}: {reason}")
    print(f"{name}: the operator has not carried it out within {timeout:g} s; it still may")
    return ExitCode.UNDECIDED
