"""What gates on a share of bad requests have in common."""

from typing import Annotated, ClassVar

from modelrollout.api.gates.kind import Kind
from modelrollout.api.rules import Rule
from modelrollout.api.units import Margin, Percent, at_most

# Of the margin, where nothing is said.
_TOLERATED_PART = 0.2


def margin_rules(default: Margin) -> tuple[Rule, ...]:
    """The rules of the margin. default: the increase that is allowed if the manifest says nothing."""
    most = f"(has(self.maxIncrease) ? self.maxIncrease : '{default}')"
    return (
        Rule(
            cel="!(has(self.maxIncrease) && has(self.minImprovement))",
            holds=lambda gate: gate.max_increase is None or gate.min_improvement is None,
            message="only one of maxIncrease and minImprovement may be set",
        ),
        Rule(
            cel="has(self.minImprovement) || !has(self.tolerated)"
            f" || !({Percent.form.cel('self.tolerated')} && {Margin.form.cel(most)})"
            f" || double(self.tolerated.replace('%', '')) <= double({most}.replace('%', ''))",
            holds=lambda gate: (
                gate.min_improvement is not None or gate.tolerated is None or gate.tolerated.fraction <= gate.margin
            ),
            message="must not be above maxIncrease",
            field="tolerated",
        ),
    )


class ProportionGate(Kind):
    """A share of bad requests, compared with that of the baseline."""

    default_margin: ClassVar[Margin]

    max_increase: Annotated[Margin, at_most("50%")] | None = None
    """How much higher than the baseline's the share may be, in percentage points. Without it and minImprovement:
    0.5% for errorRate, 1% for latency and share.
    """
    min_improvement: Annotated[Margin, at_most("50%")] | None = None
    """How much lower than the baseline's the share must be, in percentage points: better by a margin, not just as good.
    """
    tolerated: Percent | None = None
    """Increase up to which there is no rollback either. Between it and maxIncrease both outcomes are right. Without it
    a fifth of what maxIncrease allows, since no two versions, pods or groups of users are quite alike.
    """

    @property
    def margin(self) -> float:
        """Fraction by which the share may be higher than the baseline's; below 0 if it must be lower by so much."""
        if self.min_improvement is not None:
            return -self.min_improvement.fraction
        return (self.max_increase or self.default_margin).fraction

    @property
    def tolerance(self) -> float:
        """Fraction by which the share may be higher without a rollback."""
        if self.tolerated is not None:
            return self.tolerated.fraction
        return max(0.0, self.margin) * _TOLERATED_PART

    @property
    def ratio(self) -> float:
        """What the baseline's share is multiplied by before the comparison."""
        return 1.0
