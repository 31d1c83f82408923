"""`replay --recording`: what the operator decided, whether the same comes out again, or what else would have."""

import argparse
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

from modelrollout.api.parsing import parse_rollout
from modelrollout.api.rollout import KIND, VERSION, ModelRollout
from modelrollout.api.spec import ModelRolloutSpec
from modelrollout.cli.console import CommandFailed, ExitCode, print_json, table, timestamp
from modelrollout.cli.ending import Ending, ending_of
from modelrollout.cli.manifests import read_rollout
from modelrollout.cli.recorded import Changes, decide_under, differences, rollouts
from modelrollout.rollout.plan import Event
from modelrollout.rollout.recording import Record
from modelrollout_contract.objects import GROUP

Decision = tuple[datetime, Event]


def run(options: argparse.Namespace) -> int:
    records = list(read_records(options.recording))
    if not records:
        raise CommandFailed(f"{options.recording} holds no whole decision")
    if options.manifest or options.gates:
        changes = _changes(options.manifest, options.gates, records[0].spec)
        return _replay_under(records, changes, options.manifest or options.gates, options.output)
    return _replay_same(records, options.output)


def read_records(path: Path) -> Iterator[Record]:
    """The decisions of a recording, in their order. Raises CommandFailed for a file that is none.

    A line that was cut off, as the operator leaves it when it is killed, is told on standard error and left out.
    """
    number = 0
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                yield Record.from_json(line)
            except ValueError as error:
                if not _is_cut_off(line):
                    raise CommandFailed(f"{path}:{number}: no decision that this version can read: {error}") from error
                print(f"{path}:{number}: left out, since it was cut off", file=sys.stderr)
    if not number:
        raise CommandFailed(f"{path} is empty")


def _is_cut_off(line: bytes) -> bool:
    try:
        json.loads(line)
    except ValueError:
        return line.startswith(b"{")
    return False


def _replay_same(records: Sequence[Record], output: str) -> int:
    decisions = [(record.now, event) for record in records for event in record.outcome.events]
    changed = [(record.now, found) for record in records if (found := differences(record))]
    if output == "json":
        found_differences = [{"at": now.isoformat(), "parts": found} for now, found in changed]
        print_json({"decisions": _for_json(decisions), "differences": found_differences})
    else:
        first, last = records[0], records[-1]
        print(f"{first.namespace}/{first.name} from {timestamp(first.now)} to {timestamp(last.now)}\n")
        print(_table(decisions))
        print(f"\n{len(records)} looks replayed, {len(changed)} with another outcome" + (":" if changed else ""))
        for now, found in changed:
            print("\n".join(f"{timestamp(now)}  {difference}" for difference in found))
    return ExitCode.FAILED if changed else ExitCode.OK


@dataclass(frozen=True, slots=True)
class _Rollout:
    """A recorded rollout, decided by other gates. `recorded` says what the operator did last."""

    records: Sequence[Record]
    decisions: Sequence[Decision]
    ending: Ending
    at: datetime
    reason: str

    @classmethod
    def decide(cls, records: Sequence[Record], changes: Changes) -> "_Rollout":
        looks = list(decide_under(records, changes))
        record, plan = looks[-1]
        decisions = [(look.now, event) for look, made in looks for event in made.events]
        ending = ending_of(record.spec, plan.status)
        reason = decisions[-1][1].message if decisions and ending is not Ending.UNDECIDED else plan.status.verdict
        return cls(records, decisions, ending, record.now, reason)

    @property
    def bento(self) -> str:
        challenger = self.records[0].status.challenger
        return challenger.bento if challenger else ""

    @property
    def recorded(self) -> str:
        outcome = self.records[-1].outcome
        return "; ".join(event.message for event in outcome.events) or outcome.verdict


def _replay_under(records: Sequence[Record], changes: Changes, source: Path, output: str) -> int:
    found = [_Rollout.decide(group, changes) for group in rollouts(records)]
    if not found:
        raise CommandFailed("the recording holds no rollout")
    if output == "json":
        print_json(
            [
                {
                    "challenger": rollout.bento,
                    "decisions": _for_json(rollout.decisions),
                    "ending": rollout.ending,
                    "at": rollout.at.isoformat(),
                    "reason": rollout.reason,
                    "recorded": rollout.recorded,
                }
                for rollout in found
            ]
        )
    else:
        print("\n\n".join(f"{rollout.bento} under {source}\n\n{_report(rollout)}" for rollout in found))
    return found[-1].ending.exit_code


def _report(rollout: _Rollout) -> str:
    recorded_at = timestamp(rollout.records[-1].now)
    return (
        f"{_table(rollout.decisions)}\n\n"
        f"{rollout.ending} at {timestamp(rollout.at)}: {rollout.reason}\n"
        f"recorded at {recorded_at}: {rollout.recorded}"
    )


def _changes(manifest: Path | None, gates: Path | None, recorded: ModelRolloutSpec) -> Changes:
    if manifest:
        spec = read_rollout(manifest).spec
        return Changes(spec.gates, spec)
    assert gates is not None
    try:
        content = yaml.safe_load(gates.read_bytes())
    except yaml.YAMLError as error:
        raise CommandFailed(f"{gates} is no YAML: {error}") from error
    parsed = parse_rollout(
        {
            "apiVersion": f"{GROUP}/{VERSION}",
            "kind": KIND,
            "metadata": {"name": "recorded"},
            "spec": {**recorded.manifest(), "gates": content},
        },
        strict=True,
    )
    if not isinstance(parsed, ModelRollout):
        raise CommandFailed("\n".join(f"{gates}: {problem}" for problem in parsed))
    return Changes(parsed.spec.gates)


def _table(decisions: Iterable[Decision]) -> str:
    return table(["TIME", "DECISION", "MESSAGE"], ((timestamp(at), e.reason, e.message) for at, e in decisions))


def _for_json(decisions: Iterable[Decision]) -> list[dict[str, Any]]:
    return [{"at": at.isoformat(), "reason": event.reason, "message": event.message} for at, event in decisions]
