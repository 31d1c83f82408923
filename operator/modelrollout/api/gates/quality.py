"""The gate on truths: of the predictions whose maturity is over, those that were wrong."""

from collections.abc import Hashable
from typing import Annotated

from pydantic import Field

from modelrollout.api.gates.proportion import ProportionGate, margin_rules
from modelrollout.api.rules import Matches, RegularExpression
from modelrollout.api.units import Margin, Percent, PositiveDuration


class QualityGate(ProportionGate):
    """Share of wrong predictions among those with a truth, all of the same age, as the outcomes service counts them."""

    default_margin = Margin("1%")
    rules = margin_rules(default_margin)

    maturity: PositiveDuration
    """How long after its request a prediction counts, by what is known of it then; in whole seconds. One of those that
    the outcomes service counts.
    """
    min_coverage: Percent = Percent("50%")
    """Share of the predictions that must have a truth at their maturity, of either version: those without may be the
    wrong ones.
    """
    segment: Annotated[str, Field(min_length=3, max_length=256), Matches("[^=]+=.+", "must be like country=de")] | (
        None
    ) = None
    """A part of the predictions, by the name and the value of a segment label; all of them if absent."""
    namespace: Annotated[str, Field(max_length=63), Matches("[a-z0-9]([-a-z0-9]*[a-z0-9])?", "must be a namespace")] | (
        None
    ) = None
    """Namespace of the outcomes service's pods; that of the ModelRollout if absent."""
    pods: Annotated[str, Field(min_length=1, max_length=253), RegularExpression()] = "(.+-)?outcomes-.*"
    """Regular expression (RE2, matched as a whole) of the names of its pods."""

    @property
    def counted(self) -> tuple[Hashable, ...]:
        return self.maturity.seconds, self.min_coverage.fraction, self.segment, self.namespace, self.pods
