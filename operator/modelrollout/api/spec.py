"""What a user asks for."""

from typing import Annotated

from pydantic import Field, StrictBool

from modelrollout.api.base import ApiModel
from modelrollout.api.baseline import Baseline
from modelrollout.api.gates import Gate
from modelrollout.api.gates.proportion import ProportionGate
from modelrollout.api.gates.restarts import RestartsGate
from modelrollout.api.identity import version_of
from modelrollout.api.lifecycle import Lifecycle
from modelrollout.api.model import Model
from modelrollout.api.rules import KeyedBy, Rule
from modelrollout.api.serving import Serving
from modelrollout.api.strategy import Strategy
from modelrollout.api.traffic import Traffic
from modelrollout.api.units import ErrorProbability, Integer, Margin, Percent

_ON_RESTARTS = Gate(name="restarts", restarts=RestartsGate())


class Risk(ApiModel):
    """How often a rollout may end wrongly, over its whole length and however often one looks."""

    false_rollback: ErrorProbability = ErrorProbability("1%")
    """Highest probability that a challenger as good as the champion is rolled back."""
    false_promotion: ErrorProbability = ErrorProbability("1%")
    """Highest probability that a challenger worse than a gate allows is promoted."""


def _can_pass(kind: str) -> str:
    """The CEL expression that says whether a fixed figure leaves a gate of this kind something to pass with."""
    ratio = "double(gate.errorRate.maxRatio)" if kind == "errorRate" else "1.0"
    figure = "double(self.baseline.fixed[name].replace('%', ''))"
    improvement = f"double(gate.{kind}.minImprovement.replace('%', ''))"
    increase = f"double(gate.{kind}.maxIncrease.replace('%', ''))"
    return (
        f"(!has(gate.{kind}) || (has(gate.{kind}.minImprovement)"
        f" ? !{Margin.form.cel(f'gate.{kind}.minImprovement')} || {ratio} * {figure} > {improvement}"
        f" : {figure} > 0.0 || !has(gate.{kind}.maxIncrease)"
        f" || !{Margin.form.cel(f'gate.{kind}.maxIncrease')} || {increase} > 0.0))"
    )


def _leaves_something_to_pass_with(figure: Percent, gate: ProportionGate) -> bool:
    """The same in Python, with the same operations on the same numbers."""
    if gate.min_improvement is not None:
        return gate.ratio * figure.number > gate.min_improvement.number
    return figure.number > 0 or gate.max_increase is None or gate.max_increase.number > 0


class ModelRolloutSpec(ApiModel):
    """The model that should run, how it is served, and how a new version proves itself."""

    rules = (
        Rule(
            cel="!has(self.baseline) || !has(self.baseline.fixed) || self.baseline.fixed.all(name,"
            " self.gates.exists(gate, gate.name == name"
            " && (has(gate.errorRate) || has(gate.latency) || has(gate.share) || has(gate.quality))))",
            holds=lambda spec: spec.baseline.figures.keys() <= {gate.name for gate in spec.gates if gate.proportion},
            message="must name gates of kind errorRate, latency, share or quality",
            field="baseline.fixed",
        ),
        Rule(
            cel="self.gates.exists(gate, gate.mode == 'Decide' && !has(gate.restarts))",
            holds=lambda spec: any(gate.decides and not gate.kind.seen_at_pods for gate in spec.gates),
            message="must have one that decides on answers: a gate of mode Observe or on restarts does not",
            field="gates",
        ),
        Rule(
            cel="!has(self.baseline) || !has(self.baseline.service)"
            " || self.baseline.service.bento != self.model.bento || self.baseline.service.image != self.model.image",
            holds=lambda spec: not spec.baseline.service or version_of(spec.baseline.service) != version_of(spec.model),
            message="must be another version than spec.model",
            field="baseline.service",
        ),
        Rule(
            cel="!has(self.baseline) || !has(self.baseline.fixed) || self.baseline.fixed.all(name,"
            f" !{Percent.form.cel('self.baseline.fixed[name]')} || self.gates.all(gate, gate.name != name"
            f" || ({_can_pass('errorRate')} && {_can_pass('latency')} && {_can_pass('share')}"
            f" && {_can_pass('quality')})))",
            holds=lambda spec: all(
                _leaves_something_to_pass_with(spec.baseline.fixed[gate.name], gate.proportion)
                for gate in spec.gates
                if gate.proportion and gate.name in spec.baseline.figures
            ),
            message="is so low that no share of bad requests could pass the gate",
            field="baseline.fixed",
        ),
        Rule(
            cel="!has(self.strategy.shadow) || !has(self.strategy.shadow.gates)"
            " || self.strategy.shadow.gates.all(name, self.gates.exists(gate, gate.name == name))",
            holds=lambda spec: (
                not spec.strategy.shadow or set(spec.strategy.shadow.gates) <= {gate.name for gate in spec.gates}
            ),
            message="must be names of gates",
            field="strategy.shadow.gates",
        ),
        Rule(
            # A rule of the route for any other path would take requests that were never the model's.
            cel="!has(self.strategy.shadow) || !has(self.strategy.shadow.pathPrefixes)"
            " || self.strategy.shadow.pathPrefixes.all(path,"
            " (path + '/').startsWith((self.traffic.gatewayAPI.pathPrefix + '/').replace('//', '/')))",
            holds=lambda spec: (
                not spec.strategy.shadow
                or all(
                    f"{path}/".startswith(f"{spec.traffic.gateway_api.path_prefix}/".replace("//", "/"))
                    for path in spec.strategy.shadow.path_prefixes
                )
            ),
            message="must be paths below traffic.gatewayAPI.pathPrefix",
            field="strategy.shadow.pathPrefixes",
        ),
        Rule(
            # The first part lets a percent of 5.0 fail always, and not only where the rest does not hold.
            cel="self.strategy.holdBack.percent >= 0"
            " && (self.strategy.holdBack.percent > 0 || !self.strategy.holdBack.__for__.matches('[1-9]')"
            " || (has(self.baseline) && (has(self.baseline.fixed) || has(self.baseline.service)))"
            " || self.gates.exists(gate, has(gate.query) && (has(gate.query.max) || has(gate.query.min))))",
            holds=lambda spec: (
                spec.strategy.hold_back.percent > 0
                or not spec.strategy.hold_back.for_.seconds
                or not spec.baseline.is_champion
                or any(gate.query and (gate.query.max, gate.query.min) != (None, None) for gate in spec.gates)
            ),
            message="must be above 0, or `for` must be 0s: without traffic for the old champion a watch sees nothing",
            field="strategy.holdBack.percent",
            ratcheting=True,
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
    lifecycle: Lifecycle = Lifecycle()
    """What is watched for as long as a model serves."""
    revision_history_limit: Annotated[Integer, Field(ge=0, le=100)] = 10
    """How many former champions are remembered, with all that they were made of, so that one can go back to them."""

    @property
    def judged_gates(self) -> tuple[Gate, ...]:
        """The gates, with the one on restarts, which is there wherever nothing else is said of it."""
        said = any(gate.restarts or gate.name == _ON_RESTARTS.name for gate in self.gates)
        return self.gates if said else (*self.gates, _ON_RESTARTS)

    @property
    def measured_gates(self) -> tuple[Gate, ...]:
        """Those of the manifest for which a source of metrics is asked."""
        return tuple(gate for gate in self.gates if not gate.kind.seen_at_pods)
