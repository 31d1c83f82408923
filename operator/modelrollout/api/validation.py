"""What is wrong with a manifest, for a person, beyond what the types of the API exclude."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

from modelrollout.api.gates import Gate
from modelrollout.api.spec import ModelRolloutSpec


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a manifest: the field, like `spec.strategy.steps[1].weight`, and what is allowed there."""

    field: str
    message: str

    def __str__(self) -> str:
        return f"{self.field}: {self.message}" if self.field else self.message


def validate(spec: ModelRolloutSpec, *, applied: bool = False) -> list[Problem]:
    """What is wrong with a spec although its types and rules allow it, because CEL cannot tell. Empty if nothing is.

    applied: whether it is to be applied, as opposed to one that is stored.
    """
    return list(_gate_problems(spec.gates, applied))


def _gate_problems(gates: tuple[Gate, ...], applied: bool) -> Iterator[Problem]:
    for index, gate in enumerate(gates):
        for member, message in chain(gate.kind.problems(), gate.kind.problems_if_applied() if applied else ()):
            yield Problem(f"spec.gates[{index}].{gate.member}.{member}", message)
