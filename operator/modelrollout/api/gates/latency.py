"""The gate on the share of requests that take too long."""

from collections.abc import Hashable

from modelrollout.api.gates.patterns import Endpoints
from modelrollout.api.gates.proportion import ProportionGate, margin_rules
from modelrollout.api.gates.source import Source
from modelrollout.api.rules import Rule
from modelrollout.api.units import Margin, PositiveDuration, ShortDuration


class LatencyGate(ProportionGate):
    """Share of requests that take longer than a threshold."""

    default_margin = Margin("1%")
    rules = (
        *margin_rules(default_margin),
        Rule(
            cel="!(self.source.preset in ['Contour', 'Istio'])",
            holds=lambda gate: not gate.source.is_gateway,
            message="must have a preset whose durations the pods count: those of a gateway are not in seconds",
            field="source",
        ),
    )

    threshold: PositiveDuration
    """A request that takes longer is a bad one. Best a bucket boundary of the service's histogram."""
    warm_up: ShortDuration = ShortDuration("0s")
    """How long a pod's requests are left out after its first one, because they are slow only for being the first."""
    endpoints: Endpoints | None = None
    """Regular expression (RE2, matched as a whole) of the endpoints that count; all of the model's if absent."""

    source: Source = Source()
    """Where the durations come from."""

    @property
    def counted(self) -> tuple[Hashable, ...]:
        return self.threshold.seconds, self.endpoints, self.warm_up.seconds, self.source

    @property
    def warm_up_seconds(self) -> float:
        return self.warm_up.seconds

    @property
    def counts_all_requests(self) -> bool:
        return not self.warm_up.seconds
