"""What is wrong with a manifest, for a person, beyond what the types of the API exclude."""

from dataclasses import dataclass

from modelrollout.api.spec import ModelRolloutSpec


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a manifest: the field, like `spec.strategy.steps[1].weight`, and what is allowed there."""

    field: str
    message: str

    def __str__(self) -> str:
        return f"{self.field}: {self.message}"


def validate(spec: ModelRolloutSpec) -> list[Problem]:
    """What is wrong with a spec that its types and rules do not exclude. Empty if nothing is."""
    return []
