"""What is wrong with a manifest, for a person, beyond what the types of the API exclude."""

from collections.abc import Iterator
from dataclasses import dataclass

from modelrollout.api.gates import Gate
from modelrollout.api.spec import ModelRolloutSpec
from modelrollout.api.strategy import Strategy


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a manifest: the field, like `spec.strategy.steps[1].weight`, and what is allowed there."""

    field: str
    message: str

    def __str__(self) -> str:
        return f"{self.field}: {self.message}" if self.field else self.message


def validate(spec: ModelRolloutSpec) -> list[Problem]:
    """What is wrong with a spec although its types and rules allow it, because CEL cannot tell. Empty if nothing is."""
    return [*_strategy_problems(spec.strategy), *_gate_problems(spec.gates), *_baseline_problems(spec)]


def _strategy_problems(strategy: Strategy) -> Iterator[Problem]:
    held = sum(step.hold.seconds for step in strategy.steps)
    if held >= strategy.deadline.after.seconds:
        holds = " + ".join(step.hold for step in strategy.steps)
        yield Problem("spec.strategy.deadline.after", f"must be longer than the steps hold together: {holds}")


def _gate_problems(gates: tuple[Gate, ...]) -> Iterator[Problem]:
    for index, gate in enumerate(gates):
        for member, message in gate.kind.problems():
            yield Problem(f"spec.gates[{index}].{gate.member}.{member}", message)


def _baseline_problems(spec: ModelRolloutSpec) -> Iterator[Problem]:
    for gate in spec.gates:
        figure, kind = spec.baseline.figures.get(gate.name), gate.proportion
        if kind and figure is not None and kind.ratio * figure + kind.margin <= 0:
            yield Problem(
                f"spec.baseline.fixed.{gate.name}", "is so low that no share of bad requests could pass the gate"
            )
