"""The gate on restarts of containers."""

from collections.abc import Hashable
from typing import Annotated, ClassVar

from pydantic import Field

from modelrollout.api.gates.kind import Kind
from modelrollout.api.units import Number


class RestartsGate(Kind):
    """Whether containers of the challenger's pods restart more often than its part of pods and traffic explains:
    crashes, kills for want of memory, failed liveness probes. It is on by default, and off by a gate of this kind of
    mode Observe.
    """

    seen_at_pods: ClassVar[bool] = True

    max_ratio: Annotated[Number, Field(ge=1, le=10)] = 1
    """How many times as often as its part of pods and traffic explains its containers may restart."""

    @property
    def why_not_planned(self) -> str:
        return "restarts of containers, which no number of requests tells"

    @property
    def counted(self) -> tuple[Hashable, ...]:
        return ()
