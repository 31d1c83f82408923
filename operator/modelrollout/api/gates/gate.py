"""A gate: one criterion, of one of several kinds."""

import hashlib
import json
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from modelrollout.api.base import ApiModel
from modelrollout.api.gates.drift import DriftGate
from modelrollout.api.gates.error_rate import ErrorRateGate
from modelrollout.api.gates.kind import Kind
from modelrollout.api.gates.latency import LatencyGate
from modelrollout.api.gates.mean import MeanGate
from modelrollout.api.gates.proportion import ProportionGate
from modelrollout.api.gates.quality import QualityGate
from modelrollout.api.gates.query import QueryGate
from modelrollout.api.gates.restarts import RestartsGate
from modelrollout.api.gates.share import ShareGate
from modelrollout.api.rules import Matches, Rule

GateKind = ErrorRateGate | LatencyGate | ShareGate | MeanGate | DriftGate | QueryGate | RestartsGate | QualityGate
"""Every kind of gate. Each is a member of `Gate`, and has a line in `rollout.gates` and one in `metrics.gates`."""

_MEMBERS: Mapping[str, type[Kind]] = {
    "errorRate": ErrorRateGate,
    "latency": LatencyGate,
    "share": ShareGate,
    "mean": MeanGate,
    "drift": DriftGate,
    "query": QueryGate,
    "restarts": RestartsGate,
    "quality": QualityGate,
}


class Mode(StrEnum):
    """What a gate is for: to `Decide`, or only to be looked at."""

    DECIDE = "Decide"
    OBSERVE = "Observe"


def member_of(kind: type[Kind]) -> str:
    """The member of a gate, by its name in a manifest, that is of a kind."""
    return next(member for member, its_kind in _MEMBERS.items() if its_kind is kind)


class Gate(ApiModel):
    """One criterion by which a challenger is judged. Exactly one kind is set."""

    rules = (
        Rule(
            cel=f"[{', '.join(f'has(self.{kind})' for kind in _MEMBERS)}].exists_one(kind, kind)",
            holds=lambda gate: len(gate.kinds) == 1,
            message="exactly one kind must be set, like errorRate or latency",
        ),
    )

    name: Annotated[
        str,
        Field(max_length=63),
        Matches("[a-z0-9]([-a-z0-9]*[a-z0-9])?", "must be lower case letters, digits and -, like errors"),
    ]
    """Name of the gate, as it appears in the status."""
    mode: Mode = Mode.DECIDE
    """`Observe`: the gate is judged, shown and counted, and decides nothing; the status tells what it would have done.
    Going over to `Decide` begins its test anew.
    """
    error_rate: ErrorRateGate | None = None
    """Share of requests that are answered with an error."""
    latency: LatencyGate | None = None
    """Share of requests that take longer than a threshold."""
    share: ShareGate | None = None
    """Any share that two counters of the pods give."""
    mean: MeanGate | None = None
    """The mean of what the pods sum up: a loss, a squared error, a cost, a value."""
    drift: DriftGate | None = None
    """Whether predictions, or inputs, fall into the same buckets."""
    query: QueryGate | None = None
    """A PromQL expression with bounds."""
    restarts: RestartsGate | None = None
    """Whether its containers restart more often."""
    quality: QualityGate | None = None
    """Share of predictions that were wrong, of those whose maturity is over."""

    @property
    def member(self) -> str:
        """Name of the member that is set."""
        return member_of(type(self.kind))

    @property
    def decides(self) -> bool:
        """Whether a rollout depends on it."""
        return self.mode is Mode.DECIDE

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """Those that are set. A gate that was validated has one."""
        return tuple(value for _, value in self if isinstance(value, Kind))

    @property
    def kind(self) -> Kind:
        """What the gate judges."""
        [kind] = self.kinds
        return kind

    @property
    def proportion(self) -> ProportionGate | None:
        """What is compared, if it is a share of bad requests."""
        return self.kind if isinstance(self.kind, ProportionGate) else None

    @property
    def cohort_label(self) -> str | None:
        """Label that names the version for which counters count; None if they count for the version of their pod."""
        return self.kind.cohort

    @property
    def digest(self) -> str:
        """Of all that the manifest says of it. Members at their default make no difference."""
        return hashlib.sha256(json.dumps(self.manifest(), sort_keys=True).encode()).hexdigest()[:10]
