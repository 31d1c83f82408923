"""`replay --recording`: what the operator decided, whether the same comes out again, or what else would have."""

import argparse
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from modelrollout.cli.console import CommandFailed, ExitCode, print_json, table, timestamp
from modelrollout.offline.recorded import Changes, differences, rollouts
from modelrollout.offline.recordings import Decision, Redecided, changes_of_gates, changes_of_manifest, read_recording
from modelrollout.rollout.recording import Record


def run(options: argparse.Namespace) -> int:
    recording = read_recording(options.recording)
    for line in recording.cut_off:
        print(f"{options.recording}:{line}: left out, since it was cut off", file=sys.stderr)
    records = recording.records
    if options.manifest:
        return _replay_under(records, changes_of_manifest(options.manifest), options.manifest, options.output)
    if options.gates:
        changes = changes_of_gates(options.gates, records[0].spec)
        return _replay_under(records, changes, options.gates, options.output)
    return _replay_same(records, options.output)


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


def _replay_under(records: Sequence[Record], changes: Changes, source: Path, output: str) -> int:
    found = [Redecided.under(group, changes) for group in rollouts(records)]
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
    return ExitCode.of(found[-1].ending)


def _report(rollout: Redecided) -> str:
    recorded_at = timestamp(rollout.records[-1].now)
    return (
        f"{_table(rollout.decisions)}\n\n"
        f"{rollout.ending} at {timestamp(rollout.at)}: {rollout.reason}\n"
        f"recorded at {recorded_at}: {rollout.recorded}"
    )


def _table(decisions: Iterable[Decision]) -> str:
    return table(["TIME", "DECISION", "MESSAGE"], ((timestamp(at), e.reason, e.message) for at, e in decisions))


def _for_json(decisions: Iterable[Decision]) -> list[dict[str, Any]]:
    return [{"at": at.isoformat(), "reason": event.reason, "message": event.message} for at, event in decisions]
