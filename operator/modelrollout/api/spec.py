"""What a user asks for."""

from typing import Annotated

from pydantic import Field, StrictBool

from modelrollout.api.base import ApiModel
from modelrollout.api.baseline import Baseline
from modelrollout.api.gates import Gate
from modelrollout.api.identity import version_of
from modelrollout.api.model import Model
from modelrollout.api.rules import KeyedBy, Rule
from modelrollout.api.serving import Serving
from modelrollout.api.strategy import Strategy
from modelrollout.api.traffic import Traffic
from modelrollout.api.units import ErrorProbability


class Risk(ApiModel):
    """How often a rollout may end wrongly, over its whole length and however often one looks."""

    false_rollback: ErrorProbability = ErrorProbability("1%")
    """Highest probability that a challenger as good as the champion is rolled back."""
    false_promotion: ErrorProbability = ErrorProbability("1%")
    """Highest probability that a challenger worse than a gate allows is promoted."""


class ModelRolloutSpec(ApiModel):
    """The model that should run, how it is served, and how a new version proves itself."""

    rules = (
        Rule(
            cel="!has(self.baseline) || !has(self.baseline.fixed) || self.baseline.fixed.all(name,"
            " self.gates.exists(gate, gate.name == name"
            " && (has(gate.errorRate) || has(gate.latency) || has(gate.share))))",
            holds=lambda spec: spec.baseline.figures.keys() <= {gate.name for gate in spec.gates if gate.proportion},
            message="must name gates of kind errorRate, latency or share",
            field="baseline.fixed",
        ),
        Rule(
            cel="!has(self.baseline) || !has(self.baseline.service)"
            " || self.baseline.service.bento != self.model.bento || self.baseline.service.image != self.model.image",
            holds=lambda spec: not spec.baseline.service or version_of(spec.baseline.service) != version_of(spec.model),
            message="must be another version than spec.model",
            field="baseline.service",
        ),
    )

    suspend: StrictBool = False
    """Whether the operator leaves everything as it is: pods and traffic stay, nothing is decided."""
    model: Model
    """The model version that should run. Changing it starts a rollout."""
    serving: Serving = Serving()
    """How a version of the model is served."""
    traffic: Traffic
    """How requests reach the model."""
    strategy: Strategy = Strategy()
    """How traffic is shifted to a challenger."""
    baseline: Baseline = Baseline()
    """What a challenger is compared with."""
    gates: Annotated[tuple[Gate, ...], Field(min_length=1, max_length=16), KeyedBy("name")]
    """Criteria by which a challenger is judged: all must pass for a promotion, one that fails rolls back."""
    risk: Risk = Risk()
    """How often a rollout may end wrongly."""
