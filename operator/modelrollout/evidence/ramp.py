"""How much traffic a challenger may have: a budget of bad requests spent by what the evidence has excluded.

While nothing is known every request of the challenger may turn out bad. As the confidence bound of its excess
shrinks the same budget allows more traffic. The idea is that of risk-based ramps (Xu, Duan and Huang, "SQR",
2018; Li, Mao and Bojinov, "Balancing risk and reward", 2023); the bound used here is valid at every look.
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RiskBudget:
    """What a rollout may cost.

    bad_requests: excess bad requests that the whole rollout may serve.
    steps: weights that may be set, in per cent, ascending; the first is set whatever the budget says.
    reaction_seconds: from a bad answer to weight 0 at the proxy: scrape, query, decision and propagation.
    spend: part of what remains that may be lost within one reaction time.
    growth: greatest factor from one weight to the next.
    slack: factor by which a weight must exceed what is allowed before it is lowered, so that the noise of the traffic
        does not move it to and fro.
    """

    bad_requests: float
    steps: Sequence[float] = (1, 2, 5, 10, 25, 50)
    reaction_seconds: float = 20.0
    spend: float = 0.25
    growth: float = 2.5
    slack: float = 1.5

    def __post_init__(self) -> None:
        if not self.steps or list(self.steps) != sorted(set(self.steps)):
            raise ValueError("steps must ascend and not be empty")


def remaining(budget: RiskBudget, requests_judged: int, gap_bound: float) -> float:
    """Excess bad requests left after so many challenger requests, were they as bad as not yet excluded.

    As long as nothing is excluded (`gap_bound` 1) nothing is charged: the first step is set on trust.
    """
    spent = requests_judged * max(0.0, gap_bound) if gap_bound < 1 else 0.0
    return max(0.0, budget.bad_requests - spent)


def next_weight(
    budget: RiskBudget, weight: float, requests_judged: int, gap_bound: float, requests_per_second: float
) -> float:
    """The weight in per cent to set now: one of the steps, never below the first.

    `requests_judged` are the challenger's that counted for the bound: what is still awaited is charged once it is
    settled, so that waiting does not use up the budget. `weight` is the present one, `gap_bound` the worst gate's of
    its `Judgement` (0..1), `requests_per_second` the traffic of all versions together.
    """
    first = budget.steps[0]
    harm_per_second = requests_per_second * max(gap_bound, 1e-6)
    affordable = remaining(budget, requests_judged, gap_bound) * budget.spend
    allowed = 100 * affordable / (harm_per_second * budget.reaction_seconds) if harm_per_second else first
    if weight <= allowed * budget.slack:
        allowed = max(allowed, weight)
    if weight > 0:
        allowed = min(allowed, weight * budget.growth)
    return max((step for step in budget.steps if step <= allowed), default=first)
