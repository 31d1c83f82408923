"""The gate on the share of requests that are answered with an error."""

from collections.abc import Hashable
from typing import Annotated

from pydantic import Field

from modelrollout.api.gates.patterns import Endpoints, StatusCodes
from modelrollout.api.gates.proportion import ProportionGate, margin_rules
from modelrollout.api.gates.source import Source
from modelrollout.api.rules import Rule
from modelrollout.api.units import Margin, Number, ShortDuration


class ErrorRateGate(ProportionGate):
    """Share of requests that are answered with an error."""

    default_margin = Margin("0.5%")
    rules = (
        *margin_rules(default_margin),
        Rule(
            cel="!has(self.endpoints) || !(self.source.preset in ['Contour', 'Istio'])",
            holds=lambda gate: gate.endpoints is None or not gate.source.is_gateway,
            message="may not be set where a gateway counts, which knows no endpoints",
            field="endpoints",
        ),
        Rule(
            cel="!self.warmUp.matches('[1-9]') || !(self.source.preset in ['Contour', 'Istio'])",
            holds=lambda gate: not gate.warm_up.seconds or not gate.source.is_gateway,
            message="may not be set where a gateway counts, which knows no pods",
            field="warmUp",
        ),
    )

    max_ratio: Annotated[Number, Field(ge=1, le=10)] = 1
    """The baseline's rate is multiplied by this before the comparison."""
    codes: StatusCodes = "5.."
    """Regular expression (RE2, matched as a whole) of the HTTP status codes that are errors."""
    max_client_error_increase: Margin = Margin("5%")
    """How much higher than the baseline's the share of answers with another 4xx code may be, in percentage points: a
    challenger that refuses what the champion answers does not pass. Not judged beside a fixed figure.
    """
    warm_up: ShortDuration = ShortDuration("0s")
    """How long a pod's requests are left out after its first one, because they fail only for being the first. What
    fails in that time is judged by nobody.
    """
    endpoints: Endpoints | None = None
    """Regular expression (RE2, matched as a whole) of the endpoints that count; all of the model's if absent."""

    source: Source = Source()
    """Where the counters of requests come from."""

    @property
    def ratio(self) -> float:
        return self.max_ratio

    @property
    def counted(self) -> tuple[Hashable, ...]:
        return self.codes, self.endpoints, self.warm_up.seconds, self.source

    @property
    def warm_up_seconds(self) -> float:
        return self.warm_up.seconds

    @property
    def counts_all_requests(self) -> bool:
        return not self.warm_up.seconds
