"""How far from the limit: challenger requests until a decision, beside Wald's bound for any method with a champion."""

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from modelrollout.evidence import ProportionTest
from modelrollout.evidence.halfplane import HalfPlane, log_growth
from tests.bench.vectorised import VectorisedTest, Windows

ERROR, RATE, MARGIN, TOLERATED = 0.01, 0.005, 0.005, 0.001
# Share of the rollouts that must have been decided before the rest counts as never.
_ENOUGH = 0.995
# So many agree before anything small is decided, whatever the traffic.
_MINUTES_THAT_AGREE = 3


def run(rollouts: int, seed: int = 21) -> list[dict[str, Any]]:
    """One row per gap, weight and traffic. Requests are independent, and the champion's hour before is known."""
    rows = []
    for number, case in enumerate(cases()):
        needed = _needed(case, rollouts, np.random.default_rng([seed, number]))
        bound = bound_of(case.decision, case.gap, case.weight)
        of_a_minute = 60 * case.requests_per_second * case.weight
        rows.append(
            asdict(case)
            | {
                "rollouts": rollouts,
                "requests": needed,
                "bound": bound,
                "multiple": needed / bound,
                "by_minutes": bound < _MINUTES_THAT_AGREE * of_a_minute,
            }
        )
        print(
            f"{case.decision:10s} +{case.gap:.2%} weight {case.weight:.0%} {case.requests_per_second:g} rps "
            f"every {case.interval:g} s: {needed:9.0f} requests, {needed / bound:.2f}",
            flush=True,
        )
    return rows


@dataclass(frozen=True)
class Case:
    """A decision on a challenger whose share of bad answers is higher by `gap`. interval: seconds between scrapes."""

    decision: str
    gap: float
    weight: float
    requests_per_second: float
    interval: float = 15.0


def cases() -> list[Case]:
    """At traffic where minutes do not limit, where they do, and where requests are few."""
    slow = [(0.0025, 0.05, 10.0), (0.0025, 0.5, 10.0), (0.005, 0.05, 20.0), (0.005, 0.5, 5.0), (0.01, 0.5, 1.0)]
    fast = [(0.005, 0.05, 100.0), (0.005, 0.5, 100.0), (0.1, 0.05, 100.0), (0.1, 0.5, 100.0)]
    good = [(0.05, 20.0), (0.5, 2.0), (0.05, 100.0), (0.25, 100.0), (0.5, 100.0)]
    return [
        *(Case("rollback", *case) for case in slow),
        *(Case("promotion", 0.0, *case) for case in good),
        *(Case("rollback", gap, 0.5, 1.0, interval) for gap in (0.05, 0.5) for interval in (15.0, 5.0)),
        *(Case("rollback", *case) for case in fast),
    ]


def bound_of(what: str, gap: float, weight: float) -> float:
    """Wald's bound: the least expected challenger requests of any test of these two hypotheses, at this allocation."""
    null = HalfPlane(1.0, TOLERATED if what == "rollback" else MARGIN)
    return -math.log(ERROR) / log_growth((1 - weight) / weight, 1.0, null, null.nearest(RATE), RATE + gap)


def _needed(case: Case, rollouts: int, rng: np.random.Generator) -> float:
    """Mean challenger requests until the decision. A first attempt, with the shipped horizon."""
    rps, weight = case.requests_per_second, case.weight
    of_arms = [[case.interval * rps * (1 - weight)], [case.interval * rps * weight]]
    test = ProportionTest(
        margin=MARGIN,
        tolerated=TOLERATED,
        alpha=0.8 * ERROR,
        beta=0.8 * ERROR,
        horizon=round(90_000 / case.interval),
        dispersion=1.0,
        windows_per_minute=round(60 / case.interval),
    )
    history = round(3600 * rps)
    gate = VectorisedTest(test, np.full(rollouts, history), rng.binomial(history, RATE, rollouts))
    needed, decided = np.zeros(rollouts), np.zeros(rollouts, bool)
    for _ in range(20_000):
        champion, challenger = rng.poisson(of_arms, (2, rollouts))
        counts = champion, rng.binomial(champion, RATE), challenger, rng.binomial(challenger, RATE + case.gap)
        needed += np.where(decided, 0, challenger)
        gate.update(Windows(*counts))
        decided |= gate.failed if case.decision == "rollback" else gate.best_promotion >= -math.log(test.beta)
        if decided.mean() >= _ENOUGH:
            break
    return float(needed[decided].mean())
