"""`history` and `undo`: which revisions there were, and the way back to one of them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from modelrollout.api.commands import Command
from modelrollout.api.rollout import ModelRollout
from modelrollout.api.status import Status, Version
from modelrollout.cli import arguments
from modelrollout.cli.arguments import Commands, add_output
from modelrollout.cli.cluster import Cluster, Connection, add_cluster_command
from modelrollout.cli.commands import give, refusal
from modelrollout.cli.console import CommandFailed, ExitCode, print_json, table, timestamp
from modelrollout.kube.revisions import Revision, number_of, read_revision
from modelrollout_contract.objects import VERSION_LABEL


@dataclass(frozen=True, slots=True)
class History:
    """The options of `history`."""

    connection: Connection
    name: str
    output: str


@dataclass(frozen=True, slots=True)
class Undo:
    """The options of `undo`. to_revision: its number, 0 for the last champion. timeout: seconds."""

    connection: Connection
    name: str
    to_revision: int
    skip_gates: bool
    timeout: float


@dataclass(frozen=True, slots=True)
class Known:
    """A revision that is kept, by its number and the hash of its version."""

    number: int
    hash: str
    content: Revision


def add_parser(commands: Commands) -> None:
    history = add_cluster_command(commands, "history", History, show_history, "Show the revisions of a ModelRollout.")
    history.add_argument("name", help="of the ModelRollout")
    add_output(history)
    summary = "Have the spec ask for an earlier revision: the last champion, or the one that is named."
    undo = add_cluster_command(commands, "undo", Undo, run_undo, summary)
    undo.add_argument("name", help="of the ModelRollout")
    undo.add_argument("--to-revision", type=int, default=0, metavar="NUMBER", help="as `history` shows it")
    undo.add_argument("--skip-gates", action="store_true", help="promote it as soon as its pods are ready")
    undo.add_argument(
        "--timeout", type=arguments.seconds, default=600.0, metavar="DURATION", help="of --skip-gates (10m)"
    )


async def show_history(options: History, cluster: Cluster) -> int:
    rollout, known = await _read(cluster, options.name)
    states = dict(_states(rollout.status))
    rows = [
        (item, *states.get(item.hash, ("", "")), ", ".join(_changed(before, item)))
        for before, item in zip((None, *known), known, strict=False)
    ]
    if options.output == "json":
        print_json([_row(*row) for row in rows])
    elif rows:
        header = ["REVISION", "BENTO", "IMAGE", "STATE", "SINCE", "CHANGED"]
        print(table(header, [list(_row(*row).values()) for row in rows]))
    else:
        print(f"No revision of {options.name} is kept yet")
    return ExitCode.OK


async def run_undo(options: Undo, cluster: Cluster) -> int:
    rollout, known = await _read(cluster, options.name)
    target = _target(rollout, known, options.to_revision)
    if any(entry.hash == target.hash and not entry.released for entry in rollout.status.quarantine):
        raise CommandFailed(
            f"revision {target.number}, {target.content.bento}, was rolled back; `retry` tries it again"
        )
    await cluster.edit(options.name, _spec_changes(await cluster.get(options.name), target.content))
    print(f"{options.name}: the spec asks for revision {target.number} again, {target.content.bento}")
    for name in _configured_otherwise(rollout, known, target):
        print(f"{options.name}: {name} held something else then, which this does not bring back")
    return await _promote(cluster, options, target) if options.skip_gates else ExitCode.OK


async def _read(cluster: Cluster, name: str) -> tuple[ModelRollout, list[Known]]:
    """A ModelRollout and its revisions, the oldest first."""
    rollout = await cluster.read(name)
    found = (
        Known(number_of(item), item["metadata"]["labels"][VERSION_LABEL], content)
        for item in await cluster.revisions(name, rollout.metadata.uid)
        if (content := read_revision(item)) and number_of(item)
    )
    return rollout, sorted(found, key=lambda item: item.number)


def _states(status: Status) -> Iterator[tuple[str, tuple[str, str]]]:
    """What became of versions, by hash, and since when; what is said last counts."""
    for former in status.champions:
        yield former.hash, ("Champion before", timestamp(former.since))
    for bad in status.quarantine:
        yield bad.hash, ("Rolled back" if not bad.released else "", timestamp(bad.at))
    if status.previous:
        yield status.previous.hash, ("Warm", timestamp(status.watch.since) if status.watch else "")
    if status.challenger:
        yield status.challenger.hash, ("Challenger", timestamp(status.rollout.started_at) if status.rollout else "")
    if status.champion:
        yield status.champion.hash, ("Champion", timestamp(status.serving_since) if status.serving_since else "")


def _changed(before: Known | None, after: Known) -> Iterator[str]:
    """What a revision has other than the one before it."""
    if before is None:
        return
    one, other = before.content, after.content
    yield from (part for part in ("bento", "image") if getattr(one, part) != getattr(other, part))
    yield from _differing(one.serving, other.serving)
    yield from _differing(one.configuration, other.configuration)


def _differing(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    return sorted(key for key in one.keys() | other.keys() if one.get(key) != other.get(key))


def _row(known: Known, state: str, since: str, changed: str) -> dict[str, object]:
    return {
        "revision": known.number,
        "bento": known.content.bento,
        "image": known.content.image,
        "state": state,
        "since": since,
        "changed": changed,
    }


def _target(rollout: ModelRollout, known: Sequence[Known], number: int) -> Known:
    """The revision to go back to. Raises CommandFailed if there is none."""
    if number:
        found = next((item for item in known if item.number == number), None)
        if found is None:
            raise CommandFailed(f"there is no revision {number}; there are {_numbers(known)}")
        return found
    by_hash = {item.hash: item for item in known}
    found = next((by_hash[version.hash] for version in _ways_back(rollout.status) if version.hash in by_hash), None)
    if found is None:
        raise CommandFailed("there is no champion before the present one to go back to")
    return found


def _ways_back(status: Status) -> Iterator[Version]:
    """The versions to go back to from what the spec asks for, the best one first."""
    wanted = status.wanted.hash if status.wanted else ""
    for version in (status.champion, status.previous, *reversed(status.champions)):
        if version and version.hash != wanted:
            yield version


def _numbers(known: Sequence[Known]) -> str:
    return ", ".join(str(item.number) for item in known) or "none"


def _spec_changes(manifest: Mapping[str, Any], wanted: Revision) -> dict[str, Any]:
    """The merge patch that makes the spec of a ModelRollout ask for a revision, if it has not changed meanwhile."""
    serving = manifest["spec"].get("serving", {})
    shaping = {field: serving.get(field) for field in ("port", "resources", "env", "podTemplate")}
    return {
        "metadata": {"resourceVersion": manifest["metadata"]["resourceVersion"]},
        "spec": {
            "model": {"bento": wanted.bento, "image": wanted.image},
            "serving": {field: _merge(value, wanted.serving.get(field)) for field, value in shaping.items()},
        },
    }


def _merge(present: Any, wanted: Any) -> Any:
    """The JSON merge patch (RFC 7396) that makes one value of another."""
    if isinstance(present, Mapping) and isinstance(wanted, Mapping):
        return {key: _merge(present.get(key), wanted.get(key)) for key in present.keys() | wanted.keys()}
    return wanted


def _configured_otherwise(rollout: ModelRollout, known: Sequence[Known], target: Known) -> list[str]:
    """The ConfigMaps and Secrets whose content was another one in a revision."""
    wanted = rollout.status.wanted.hash if rollout.status.wanted else ""
    now = next((item.content.configuration for item in known if item.hash == wanted), {})
    then = target.content.configuration
    return [name for name in _differing(now, then) if name in now and name in then]


async def _promote(cluster: Cluster, options: Undo, target: Known) -> int:
    """Promote what the spec asks for as soon as it is under way."""
    async for rollout in cluster.poll(options.name, options.timeout):
        status = rollout.status
        if status.champion and status.champion.hash == target.hash:
            print(f"{options.name}: {target.content.bento} is the champion")
            return ExitCode.OK
        if status.challenger and status.challenger.hash == target.hash and not refusal(Command.PROMOTE, rollout):
            await give(cluster, Command.PROMOTE, options.name)
            return ExitCode.OK
    raise CommandFailed(f"no rollout of revision {target.number} began within {options.timeout:g} s")
