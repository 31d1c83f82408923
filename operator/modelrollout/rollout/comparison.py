"""Which versions are compared."""

from dataclasses import dataclass

from modelrollout.api.status import Status, Version
from modelrollout.rollout.gates.gate_test import BASELINE, CHAMPION


@dataclass(frozen=True, slots=True)
class Comparison:
    """The two versions that are compared: the one that is the measure and the one that has to prove itself.

    champion: the measure: the champion, or the baseline in its place; `role` says which.
    bystander: the version that has the rest of the traffic beside a baseline.
    """

    champion: Version
    challenger: Version
    role: str = CHAMPION
    bystander: Version | None = None


def arms_to_judge(status: Status) -> Comparison | None:
    """The versions whose metrics the next decision needs, or None while nothing is judged."""
    if status.champion is None or status.evidence is None:
        return None
    trusted, judged = (status.champion, status.challenger) if status.challenger else (status.previous, status.champion)
    if trusted is None:
        return None
    if status.baseline:
        return Comparison(status.baseline, judged, BASELINE, bystander=trusted)
    return Comparison(trusted, judged)
