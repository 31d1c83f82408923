"""`get`: what runs, what is being rolled out, and what the gates say."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from modelrollout.api.gate_status import GateStatus
from modelrollout.api.parsing import parse_status
from modelrollout.api.status import Status
from modelrollout.cli.arguments import Commands, add_output
from modelrollout.cli.cluster import Cluster, Connection, add_cluster_command
from modelrollout.cli.console import CommandFailed, ExitCode, fields, print_json, table, timestamp
from modelrollout.ports import Manifest


@dataclass(frozen=True, slots=True)
class Get:
    """The options of `get`."""

    connection: Connection
    name: str | None
    all_namespaces: bool
    output: str


def add_parser(commands: Commands) -> None:
    parser = add_cluster_command(commands, "get", Get, get, "Show one ModelRollout with its gates, or a table of all.")
    parser.add_argument("name", nargs="?", help="of the ModelRollout; all if absent")
    parser.add_argument("-A", "--all-namespaces", action="store_true", help="those of all namespaces")
    add_output(parser)


async def get(options: Get, cluster: Cluster) -> int:
    if options.name:
        if options.all_namespaces:
            raise CommandFailed("a name is looked up in one namespace: leave out -A")
        manifest = await cluster.get(options.name)
        if options.output == "json":
            print_json(summary(manifest))
        else:
            print(describe(manifest))
        return ExitCode.OK
    manifests = await cluster.list(everywhere=options.all_namespaces)
    if options.output == "json":
        print_json([summary(manifest) for manifest in manifests])
    elif manifests:
        print(overview(manifests, namespaces=options.all_namespaces))
    else:
        print("No ModelRollouts" + ("" if options.all_namespaces else f" in namespace {cluster.namespace}"))
    return ExitCode.OK


def overview(manifests: Sequence[Manifest], *, namespaces: bool) -> str:
    """One line for each ModelRollout."""
    header = ["NAME", "READY", "PHASE", "CHAMPION", "CHALLENGER", "WEIGHT", "GATES", "VERDICT"]
    rows = []
    for manifest in manifests:
        status, metadata = _status(manifest), manifest["metadata"]
        row = [
            metadata["name"],
            _condition(status, "Ready"),
            status.phase,
            status.champion and status.champion.bento,
            status.challenger and status.challenger.bento,
            status.weight,
            " ".join(f"{gate.name}:{gate.verdict}" for gate in status.gates),
            status.verdict,
        ]
        rows.append([metadata["namespace"], *row] if namespaces else row)
    return table(["NAMESPACE", *header] if namespaces else header, rows)


def describe(manifest: Manifest) -> str:
    """All that a person asks about one ModelRollout."""
    status, metadata = _status(manifest), manifest["metadata"]
    decision = status.last_decision
    head = fields(
        [
            ("ModelRollout", f"{metadata['namespace']}/{metadata['name']}"),
            ("Phase", status.phase or "not seen by the operator yet"),
            ("Champion", status.champion and status.champion.bento),
            ("Challenger", status.challenger and status.challenger.bento),
            ("Baseline", status.baseline and f"{status.baseline.bento}, weight {status.baseline.weight}"),
            ("Old champion", status.previous and f"{status.previous.bento}, warm until {_until(status)}"),
            ("Weight", None if status.weight is None else f"{status.weight} %"),
            ("Verdict", status.verdict),
            ("Last decision", decision and f"{timestamp(decision.at)} {decision.reason}: {decision.message}"),
            ("Rolled back", ", ".join(entry.bento for entry in status.quarantine if not entry.released)),
        ]
    )
    return f"{head}\n\n{gate_table(status.gates)}" if status.gates else head


def gate_table(gates: Sequence[GateStatus]) -> str:
    """What each gate says, compared with what, and how well that is backed."""
    return table(
        ["GATE", "VERDICT", "CHALLENGER", "REFERENCE", "COMPARED WITH", "REQUESTS", "GUARANTEE", "MESSAGE"],
        [
            (
                gate.name,
                gate.verdict,
                gate.challenger,
                gate.champion,
                gate.compared_with,
                gate.requests,
                gate.guarantee,
                gate.message,
            )
            for gate in gates
        ],
    )


def summary(manifest: Manifest) -> dict[str, Any]:
    """The same for programs: the status, without what only the operator understands."""
    status = _status(manifest).manifest()
    for gate in status.get("gates", ()):
        gate.pop("state", None)
    metadata = manifest["metadata"]
    return {
        "namespace": metadata["namespace"],
        "name": metadata["name"],
        "generation": metadata["generation"],
        **status,
    }


def _status(manifest: Manifest) -> Status:
    status = parse_status(manifest)
    if not isinstance(status, Status):
        name = manifest["metadata"]["name"]
        raise CommandFailed(f"the status of {name} cannot be read: {'; '.join(map(str, status))}")
    return status


def _condition(status: Status, type_: str) -> str | None:
    return next((condition.status for condition in status.conditions if condition.type == type_), None)


def _until(status: Status) -> str:
    return timestamp(status.watch.until) if status.watch else "the next decision"
