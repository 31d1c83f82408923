"""Recorded decisions, made again: as they were, or as another manifest would have had them."""

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from modelrollout.api.gates import Gate
from modelrollout.api.spec import ModelRolloutSpec
from modelrollout.api.status import Status
from modelrollout.offline.errors import OfflineError
from modelrollout.rollout.comparison import largest_comparable_weight
from modelrollout.rollout.decide import decide
from modelrollout.rollout.measurements import Measurement, selected
from modelrollout.rollout.observation import Observation, VersionObservation
from modelrollout.rollout.plan import Placement, Plan
from modelrollout.rollout.ramp import first_weight
from modelrollout.rollout.recording import GateOutcome, Outcome, Record


def differences(record: Record) -> list[str]:
    """What the present code decides otherwise than the operator did when the record was made."""
    recorded, again = record.outcome, Outcome.of(record.decide_again())
    return [
        f"{part}: was {_text(was)}, now {_text(now)}"
        for part in ("phase", "verdict", "gates", "events", "weights", "replicas")
        if (was := getattr(recorded, part)) != (now := getattr(again, part))
    ]


@dataclass(frozen=True, slots=True)
class Changes:
    """The parts of a spec to decide by in place of the recorded ones; None keeps what was recorded.

    What was asked for, how it was served and how it was reached stay as recorded: requests were counted under them.
    """

    gates: tuple[Gate, ...]
    spec: ModelRolloutSpec | None = None

    def apply(self, recorded: ModelRolloutSpec) -> ModelRolloutSpec:
        """The spec to decide by."""
        parts = {"strategy": self.spec.strategy, "risk": self.spec.risk} if self.spec else {}
        return recorded.model_copy(update={"gates": self.gates, **parts})


def rollouts(records: Iterable[Record]) -> list[list[Record]]:
    """The records of each rollout, from its start to the decision that ended it."""
    by_start = groupby(records, key=lambda record: record.status.rollout and record.status.rollout.started_at)
    return [list(group) for started, group in by_start if started]


def decide_under(records: Sequence[Record], changes: Changes) -> Iterator[tuple[Record, Plan]]:
    """The decisions of one rollout under other gates, up to the one that ends it or to the last record.

    Requests are counted as they were recorded, whatever the weight would have been. Pods and routes follow the
    decisions as fast as they did follow. Raises OfflineError if a gate counts what was not recorded.
    """
    status, placement = _restarted(records[0], changes), None
    for record in records:
        spec = changes.apply(record.spec)
        observation = replace(
            _followed(record.observation, placement),
            measurements=_measurements(spec.gates, record, status),
        )
        plan = decide(spec, record.generation, status, observation, record.settings, record.now)
        yield record, plan
        if plan.status.challenger is None:
            return
        status, placement = plan.status, plan.placement


def _restarted(first: Record, changes: Changes) -> Status:
    """The status to begin with: without the recorded gates' evidence, and before the first weight at that to come."""
    status = first.status.model_copy(update={"gates": ()})
    if status.rollout is None or status.rollout.ramping_since:
        return status
    spec = changes.apply(first.spec)
    weight = first_weight(spec.strategy, largest_comparable_weight(spec))
    return status.model_copy(update={"rollout": status.rollout.model_copy(update={"target_weight": weight})})


def _followed(observed: Observation, placement: Placement | None) -> Observation:
    """The cluster as it would have been after a plan, going by whether it had followed the recorded one."""
    if placement is None:
        return observed
    versions = dict(observed.versions)
    for wanted in placement.versions:
        found = versions.get(wanted.version.hash)
        if found and found.ready >= found.desired:
            versions[found.hash] = VersionObservation(found.hash, wanted.replicas, wanted.replicas, found.updated)
    route = replace(observed.route, weights=placement.weights) if observed.route.settled else observed.route
    return replace(observed, versions=versions, route=route)


def _measurements(gates: Sequence[Gate], record: Record, status: Status) -> Mapping[str, Measurement]:
    """What the gates would have measured: what gates that count the same have, without what was counted already."""
    recorded = record.observation.measurements
    if not recorded or status.evidence is None:
        return {}
    names = {_counted(gate): gate.name for gate in record.spec.gates}
    measured = {}
    for gate in gates:
        name = names.get(_counted(gate))
        if name is None:
            raise OfflineError(
                f"the recording holds nothing that gate {gate.name} could count: only gates with the same codes, "
                "endpoints, threshold, warm-up, counters, buckets or expression as a recorded one can be tried "
                "(--prometheus has no such limit)"
            )
        measured[gate.name] = _after(recorded[name], status.evidence.window)
    return measured


def _counted(gate: Gate) -> tuple[Hashable, ...]:
    """What a gate counts; gates that agree in it can be judged by the same data."""
    return type(gate.kind), *gate.kind.counted


def _after(measurement: Measurement, window: int) -> Measurement:
    return selected(measurement, lambda index: index > window)


def _text(part: object) -> str:
    match part:
        case None:
            return "untouched"
        case GateOutcome(message=message):
            return message
        case tuple(events):
            return "; ".join(f"{event.reason} ({event.message})" for event in events) or "none"
        case Mapping():
            return ", ".join(f"{name} {_text(value)}" for name, value in part.items())
        case _:
            return str(part)
