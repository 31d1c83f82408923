"""The gate on any share that two counters give."""

from collections.abc import Hashable

from modelrollout.api.gates.proportion import ProportionGate, margin_rules
from modelrollout.api.promql import CounterSelector, LabelName
from modelrollout.api.rules import Rule
from modelrollout.api.units import Margin


def _less_than_total(part: str) -> Rule:
    return Rule(
        cel=f"!has(self.{part}) || self.{part} != self.total",
        holds=lambda share: getattr(share, part) != share.total,
        message="must be another counter than total, or a part of it",
        field=part,
        ratcheting=True,
    )


class ShareGate(ProportionGate):
    """Any share that two counters of the pods give: wrong labels of all labels, unsure answers of all answers."""

    default_margin = Margin("1%")
    rules = (
        *margin_rules(default_margin),
        Rule(
            cel="has(self.bad) != has(self.good)",
            holds=lambda share: (share.bad is None) != (share.good is None),
            message="exactly one of bad and good must be set",
        ),
        _less_than_total("bad"),
        _less_than_total("good"),
    )

    total: CounterSelector
    """Counter of everything, as a PromQL selector without namespace and pod, e.g. `digits_outcomes_total`."""
    bad: CounterSelector | None = None
    """Counter of the part that is bad, e.g. `digits_outcomes_total{correct="false"}`."""
    good: CounterSelector | None = None
    """Counter of the part that is not bad, in place of `bad`, e.g. `digits_outcomes_total{correct="true"}`."""
    cohort_label: LabelName | None = None
    """Label that names the version, as in the Bento's tag, for which a counter counts, whichever pod has it. Without it
    counters count for the version of their pod.
    """

    @property
    def counted(self) -> tuple[Hashable, ...]:
        return self.total, self.bad, self.good, self.cohort_label

    @property
    def cohort(self) -> str | None:
        return self.cohort_label
