"""`watch` and `wait`: stay with a rollout until it is decided."""

from dataclasses import dataclass
from datetime import UTC, datetime

from modelrollout.api.rollout import ModelRollout
from modelrollout.api.status import Phase
from modelrollout.cli import arguments
from modelrollout.cli.arguments import Commands
from modelrollout.cli.cluster import Cluster, Connection, add_cluster_command
from modelrollout.cli.console import CommandFailed, ExitCode
from modelrollout.offline.ending import Ending, ending_of


@dataclass(frozen=True, slots=True)
class Watch:
    """The options of `watch`."""

    connection: Connection
    name: str
    timeout: float | None


@dataclass(frozen=True, slots=True)
class Wait:
    """The options of `wait`. milestone: `promoted` or `decided`."""

    connection: Connection
    name: str
    timeout: float | None
    milestone: str


def add_parser(commands: Commands) -> None:
    watching = add_cluster_command(
        commands, "watch", Watch, watch, "Print what changes about a rollout until it is decided."
    )
    waiting = add_cluster_command(
        commands,
        "wait",
        Wait,
        wait,
        "Wait for the version in the spec: 0 promoted, 2 rolled back, 3 neither.",
    )
    for parser in (watching, waiting):
        parser.add_argument("name", help="of the ModelRollout")
        parser.add_argument(
            "--timeout", type=arguments.seconds, metavar="DURATION", help="give up after this time (default: never)"
        )
    waiting.add_argument(
        "--for",
        dest="milestone",
        choices=["promoted", "decided"],
        default="promoted",
        help="promoted: it is the champion; decided: the watch after the promotion is over as well (%(default)s)",
    )


async def watch(options: Watch, cluster: Cluster) -> int:
    ending, shown = Ending.UNDECIDED, ""
    async for rollout in cluster.poll(options.name, options.timeout):
        ending, line = present_ending(rollout), progress(rollout)
        if line != shown:
            print(f"{datetime.now(UTC):%H:%M:%S}  {line}", flush=True)
            shown = line
        if is_over(rollout):
            break
    return ExitCode.of(ending)


async def wait(options: Wait, cluster: Cluster) -> int:
    line = ""
    async for rollout in cluster.poll(options.name, options.timeout):
        ending, line = present_ending(rollout), progress(rollout)
        if is_over(rollout) or (ending is Ending.PROMOTED and options.milestone == "promoted"):
            print(f"{options.name} {ending}: {line}")
            return ExitCode.of(ending)
    print(f"{options.name} not {options.milestone} in time: {line}")
    return ExitCode.UNDECIDED


def present_ending(rollout: ModelRollout) -> Ending:
    """The ending as far as the operator has come. Raises CommandFailed if it refuses the manifest."""
    if _is_behind(rollout):
        return Ending.UNDECIDED
    if rollout.status.phase is Phase.INVALID:
        raise CommandFailed(f"the operator refuses the manifest of {rollout.metadata.name}: {rollout.status.verdict}")
    return ending_of(rollout.spec, rollout.status)


def is_over(rollout: ModelRollout) -> bool:
    """Whether nothing more will come: rolled back, or promoted and the watch after the promotion over as well."""
    ending = present_ending(rollout)
    return ending is Ending.ROLLED_BACK or (ending is Ending.PROMOTED and rollout.status.watch is None)


def progress(rollout: ModelRollout) -> str:
    """Where a rollout stands, in one line."""
    status = rollout.status
    if _is_behind(rollout):
        return "the operator has not looked at the latest change yet"
    weight = "" if status.weight is None else f"  {status.weight} %"
    return f"{status.phase}{weight}  {status.verdict}"


def _is_behind(rollout: ModelRollout) -> bool:
    return (rollout.status.observed_generation or 0) < rollout.metadata.generation
