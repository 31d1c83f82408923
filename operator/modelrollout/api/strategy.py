"""How traffic is shifted to a challenger, and what happens when it cannot be judged."""

from enum import StrEnum
from itertools import pairwise
from typing import Annotated

from pydantic import Field, StrictBool, StrictInt

from modelrollout.api.base import ApiModel
from modelrollout.api.rules import Rule
from modelrollout.api.shadow import Shadow
from modelrollout.api.units import Duration, Integer, PositiveDuration, between

Weight = Annotated[Integer, Field(ge=1, le=100)]


class Step(ApiModel):
    """One stage of an explicit schedule."""

    # A rule in CEL reads it, and finds that 5.0 is no integer.
    weight: Annotated[StrictInt, Field(ge=1, le=100)]
    """The challenger's share of the traffic in percent."""
    hold: Annotated[Duration, between("0s", "30d")] = Duration("0s")
    """How long this weight is kept at least."""
    approval: StrictBool = False
    """Whether to wait for the annotation `modelrollout.io/approve` before going on."""


class Budget(ApiModel):
    """What a rollout may cost."""

    bad_requests: Annotated[Integer, Field(ge=1, le=1_000_000_000)] = 100
    """Requests that may go bad because of the challenger and would not have with the champion."""


class Ramp(ApiModel):
    """A ramp that the evidence drives: the weight follows what is left of the budget."""

    max_weight: Weight = 50
    """The largest share of the traffic in percent before the promotion."""
    budget: Budget = Budget()
    """What the rollout may cost. The smaller, the slower the ramp."""


class HoldBack(ApiModel):
    """The watch after a promotion: the old champion stays warm and can take over at once."""

    percent: Annotated[StrictInt, Field(ge=0, le=50)] = 5
    """Share of the traffic in percent that the old champion keeps for comparison."""
    for_: Annotated[Duration, between("0s", "90d")] = Field(Duration("1h"), alias="for")
    """How long the watch goes on. `0s` lets the old champion go at once."""


class DeadlineAction(StrEnum):
    """What happens at a deadline.

    `Hold` raises the weight no more, but still promotes where nothing else is left to do. `Ask` leaves that too to
    people. Both say so, and an approval gives the rollout as much time again. `Rollback` takes the challenger back.
    """

    HOLD = "Hold"
    ASK = "Ask"
    ROLLBACK = "Rollback"


class Deadline(ApiModel):
    """The time after which a rollout that is still undecided is dealt with."""

    after: Annotated[PositiveDuration, between("10s", "90d")] = PositiveDuration("24h")
    """How long to wait."""
    action: DeadlineAction = DeadlineAction.HOLD
    """What happens then. `Hold` raises the weight no more, `Ask` also leaves the promotion to people; both report it,
    and an approval gives as much time again. `Rollback` takes the challenger back.
    """


class MetricsDeadline(Deadline):
    """The time after which a rollout whose metrics are unavailable is dealt with."""

    after: Annotated[PositiveDuration, between("10s", "90d")] = PositiveDuration("1h")
    """How long to wait."""


class Strategy(ApiModel):
    """How traffic is shifted to a challenger. Without `steps` the evidence drives a ramp."""

    rules = (
        Rule(
            cel="!(has(self.steps) && has(self.ramp))",
            holds=lambda strategy: not (strategy.steps and strategy.declared_ramp),
            message="only one of steps and ramp may be set",
        ),
        Rule(
            cel="!has(self.steps) || (self.steps.map(step, step.weight).isSorted()"
            " && self.steps.all(a, self.steps.exists_one(b, a.weight == b.weight)))",
            holds=lambda strategy: all(a.weight < b.weight for a, b in pairwise(strategy.steps)),
            message="the weight must increase from step to step, like 5, 25, 50",
            field="steps",
        ),
        Rule(
            cel=f"!has(self.steps) || !self.steps.all(step, {Duration.form.cel('step.hold')})"
            f" || !{Duration.form.cel('self.deadline.after')}"
            f" || self.steps.map(step, {Duration.milliseconds_in_cel('step.hold')}).sum()"
            f" < {Duration.milliseconds_in_cel('self.deadline.after')}",
            holds=lambda strategy: (
                sum(step.hold.milliseconds for step in strategy.steps) < strategy.deadline.after.milliseconds
            ),
            message="must be longer than the steps hold together",
            field="deadline.after",
        ),
    )

    steps: Annotated[tuple[Step, ...], Field(min_length=1, max_length=20)] = ()
    """An explicit schedule of weights, walked through as long as no gate fails."""
    declared_ramp: Ramp | None = Field(None, alias="ramp")
    """A ramp that the evidence drives. Without steps it is the default, with its own defaults."""
    shadow: Shadow | None = None
    """Copies of requests for the challenger before its first weight; none if absent."""
    hold_back: HoldBack = HoldBack()
    """The watch after a promotion."""
    deadline: Deadline = Deadline()
    """How long a rollout may stay undecided, counted from its first weight."""
    metrics_deadline: MetricsDeadline = MetricsDeadline()
    """How long metrics may be unavailable during a rollout."""

    @property
    def ramp(self) -> Ramp:
        """The ramp to follow if there are no steps."""
        return self.declared_ramp or Ramp()
