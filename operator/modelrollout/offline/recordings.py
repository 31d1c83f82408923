"""A file of recorded decisions, and what else would have been decided."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import yaml

from modelrollout.api.parsing import parse_rollout
from modelrollout.api.rollout import KIND, VERSION, ModelRollout
from modelrollout.api.spec import ModelRolloutSpec
from modelrollout.offline.ending import Ending, ending_of
from modelrollout.offline.errors import OfflineError
from modelrollout.offline.manifests import read_rollout
from modelrollout.offline.recorded import Changes, decide_under
from modelrollout.rollout.plan import Event
from modelrollout.rollout.recording import Record
from modelrollout_contract.objects import GROUP

Decision = tuple[datetime, Event]
"""A decision that was told, and when."""


@dataclass(frozen=True, slots=True)
class Recording:
    """The decisions of a recording, in their order, and the lines that were left out.

    cut_off: their numbers, from 1: the operator leaves such a line when it is killed.
    """

    records: Sequence[Record]
    cut_off: Sequence[int]


def read_recording(path: Path) -> Recording:
    """The decisions in a file. Raises OfflineError for one that holds none."""
    records, cut_off = [], []
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                records.append(Record.from_json(line))
            except ValueError as error:
                if not _is_cut_off(line):
                    raise OfflineError(f"{path}:{number}: no decision that this version can read: {error}") from error
                cut_off.append(number)
    if not records:
        raise OfflineError(f"{path} {'holds no whole decision' if cut_off else 'is empty'}")
    return Recording(records, cut_off)


def _is_cut_off(line: bytes) -> bool:
    try:
        json.loads(line)
    except ValueError:
        return line.startswith(b"{")
    return False


@dataclass(frozen=True, slots=True)
class Redecided:
    """A recorded rollout, decided by other gates. `recorded` says what the operator did last."""

    records: Sequence[Record]
    decisions: Sequence[Decision]
    ending: Ending
    at: datetime
    reason: str

    @classmethod
    def under(cls, records: Sequence[Record], changes: Changes) -> "Redecided":
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


def changes_of_manifest(manifest: Path) -> Changes:
    """To decide by the gates, strategy and risk of a manifest. Raises OfflineError if it is wrong."""
    spec = read_rollout(manifest).spec
    return Changes(spec.gates, spec)


def changes_of_gates(gates: Path, recorded: ModelRolloutSpec) -> Changes:
    """To decide by the gates in a YAML file, which holds a list of them. Raises OfflineError if they are wrong."""
    try:
        content = yaml.safe_load(gates.read_bytes())
    except yaml.YAMLError as error:
        raise OfflineError(f"{gates} is no YAML: {error}") from error
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
        raise OfflineError("\n".join(f"{gates}: {problem}" for problem in parsed))
    return Changes(parsed.spec.gates)
