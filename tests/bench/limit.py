"""How far from the limit: challenger requests until a decision, beside Wald's bound for any method with a champion."""

import math
from typing import Any

import numpy as np

from modelrollout.evidence import ProportionTest
from modelrollout.evidence.halfplane import HalfPlane, log_growth
from tests.bench.vectorised import VectorisedTest, Windows

ERROR, RATE, MARGIN, TOLERATED = 0.01, 0.005, 0.005, 0.001
# Share of the rollouts that must have been decided before the rest counts as never.
_ENOUGH = 0.995


def run(rollouts: int, seed: int = 21) -> list[dict[str, Any]]:
    """One row per gap, weight and traffic. Requests are independent, and the champion's hour before is known."""
    # At 10 requests a second no minute holds more evidence than it may count for; at 100 the caps take their time.
    cases = [("rollback", gap, 0.5, 10.0) for gap in (0.0025, 0.005, 0.01, 0.1)]
    cases += [("rollback", 0.005, 0.05, 10.0), *(("promotion", 0.0, weight, 10.0) for weight in (0.05, 0.25, 0.5))]
    cases += [("rollback", gap, 0.5, 100.0) for gap in (0.005, 0.01, 0.1)] + [("promotion", 0.0, 0.5, 100.0)]
    cases += [("rollback", gap, 0.5, 1.0) for gap in (0.05, 0.5)]
    rows = []
    for number, (what, gap, weight, rps) in enumerate(cases):
        needed = _needed(what, gap, weight, rps, rollouts, np.random.default_rng([seed, number]))
        bound = bound_of(what, gap, weight)
        rows.append(
            {
                "decision": what,
                "gap": gap,
                "weight": weight,
                "requests_per_second": rps,
                "rollouts": rollouts,
                "requests": needed,
                "bound": bound,
                "multiple": needed / bound,
            }
        )
        print(
            f"{what:10s} +{gap:.2%} weight {weight:.0%} {rps:g} rps: {needed:9.0f} requests, {needed / bound:.2f}",
            flush=True,
        )
    return rows


def bound_of(what: str, gap: float, weight: float) -> float:
    """Wald's bound: the least expected challenger requests of any test of these two hypotheses, at this allocation."""
    null = HalfPlane(1.0, TOLERATED if what == "rollback" else MARGIN)
    return -math.log(ERROR) / log_growth((1 - weight) / weight, 1.0, null, null.nearest(RATE), RATE + gap)


def _needed(what: str, gap: float, weight: float, rps: float, rollouts: int, rng: np.random.Generator) -> float:
    """Mean challenger requests until the decision. A first attempt at the shipped horizon, scrapes every 15 s."""
    test = ProportionTest(
        margin=MARGIN, tolerated=TOLERATED, alpha=0.8 * ERROR, beta=0.8 * ERROR, horizon=6000, dispersion=1.0
    )
    history = round(3600 * rps)
    gate = VectorisedTest(test, np.full(rollouts, history), rng.binomial(history, RATE, rollouts))
    needed, decided = np.zeros(rollouts), np.zeros(rollouts, bool)
    for _ in range(20_000):
        champion, challenger = rng.poisson([[15 * rps * (1 - weight)], [15 * rps * weight]], (2, rollouts))
        counts = champion, rng.binomial(champion, RATE), challenger, rng.binomial(challenger, RATE + gap)
        needed += np.where(decided, 0, challenger)
        gate.update(Windows(*counts))
        decided |= gate.failed if what == "rollback" else gate.best_promotion >= -math.log(test.beta)
        if decided.mean() >= _ENOUGH:
            break
    return float(needed[decided].mean())
