"""A decision as one line of JSON: all that `decide` was given and what came of it, so that it can be made again."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Annotated, Any, Self, get_args

from pydantic import (
    PlainSerializer,
    SerializerFunctionWrapHandler,
    TypeAdapter,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapSerializer,
    WrapValidator,
)

from modelrollout.api.rollout import ModelRollout
from modelrollout.api.spec import ModelRolloutSpec
from modelrollout.api.status import Status
from modelrollout.rollout.decide import decide
from modelrollout.rollout.measurements import Measurement
from modelrollout.rollout.observation import Observation
from modelrollout.rollout.plan import Event, Plan
from modelrollout.rollout.settings import Settings

_KINDS: Mapping[str, TypeAdapter[Any]] = {kind.__name__: TypeAdapter(kind) for kind in get_args(Measurement)}
_MEASURED = tuple(field.name for field in fields(Observation) if field.type == Mapping[str, Measurement])
_UNMEASURED: Mapping[str, Any] = {part: {} for part in _MEASURED}


def _pack(observation: Observation, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
    # Some kinds of measurement have the same fields: only their names tell them apart.
    packed: dict[str, Any] = {
        part: {name: _packed(measurement) for name, measurement in getattr(observation, part).items()}
        for part in _MEASURED
    }
    return {**handler(replace(observation, **_UNMEASURED)), **packed}


def _unpack(recorded: Any, handler: ValidatorFunctionWrapHandler) -> Observation:
    unpacked: dict[str, Any] = {
        part: {name: _unpacked(measurement) for name, measurement in recorded.get(part, {}).items()}
        for part in _MEASURED
    }
    observation: Observation = handler({**recorded, **_UNMEASURED})
    return replace(observation, **unpacked)


def _packed(measurement: Measurement) -> dict[str, Any]:
    kind = type(measurement).__name__
    return {"kind": kind, **_KINDS[kind].dump_python(measurement, mode="json")}


def _unpacked(recorded: Mapping[str, Any]) -> Any:
    return _KINDS[recorded["kind"]].validate_python(recorded)


def _as_read(spec: ModelRolloutSpec) -> dict[str, Any]:
    # With the defaults that the API server filled in: those of a later version may be others.
    return spec.model_dump(mode="json", exclude_unset=True)


@dataclass(frozen=True, slots=True)
class GateOutcome:
    """What one gate says after a decision, as in the status."""

    verdict: str
    message: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a plan comes to. Two decisions with equal outcomes do the same to the cluster, for the same reasons.

    `weights` (percent) and `replicas` (pods) are by version hash; None where pods and traffic are left as they are.
    """

    phase: str
    verdict: str
    gates: Mapping[str, GateOutcome]
    events: tuple[Event, ...]
    weights: Mapping[str, int] | None
    replicas: Mapping[str, int] | None

    @classmethod
    def of(cls, plan: Plan) -> Self:
        placement = plan.placement
        return cls(
            phase=plan.status.phase or "",
            verdict=plan.status.verdict,
            gates={gate.name: GateOutcome(gate.verdict, gate.message) for gate in plan.status.gates},
            events=plan.events,
            weights=dict(placement.weights) if placement else None,
            replicas={wanted.version.hash: wanted.replicas for wanted in placement.versions} if placement else None,
        )


@dataclass(frozen=True, slots=True)
class Record:
    """One decision about the ModelRollout `namespace`/`name`: the arguments of `decide`, and its outcome."""

    namespace: str
    name: str
    spec: Annotated[ModelRolloutSpec, PlainSerializer(_as_read)]
    generation: int
    status: Status
    observation: Annotated[Observation, WrapSerializer(_pack), WrapValidator(_unpack)]
    settings: Settings
    now: datetime
    outcome: Outcome

    @classmethod
    def of(cls, rollout: ModelRollout, observation: Observation, settings: Settings, now: datetime, plan: Plan) -> Self:
        """The record of the plan that `decide` made for a ModelRollout as it was read."""
        return cls(
            namespace=rollout.metadata.namespace,
            name=rollout.metadata.name,
            spec=rollout.spec,
            generation=rollout.metadata.generation,
            status=rollout.status,
            observation=observation,
            settings=settings,
            now=now,
            outcome=Outcome.of(plan),
        )

    @classmethod
    def from_json(cls, line: str | bytes) -> "Record":
        """The record of `to_json`, equal to it in every part. Raises ValueError for anything else."""
        try:
            return _RECORD.validate_json(line)
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(map(str, first["loc"]))
            raise ValueError(f"{place}: {first['msg']}" if place else first["msg"]) from error
        except (AttributeError, KeyError, TypeError) as error:
            raise ValueError(f"a part of a decision is missing: {error!r}") from error

    def to_json(self) -> str:
        """The record as one line, without the line break."""
        return _RECORD.dump_json(self).decode()

    def decide_again(self) -> Plan:
        """The plan that the present code makes of the same arguments."""
        return decide(self.spec, self.generation, self.status, self.observation, self.settings, self.now)


_RECORD = TypeAdapter(Record)
