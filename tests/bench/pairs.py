"""Requests and labels until a decision: in pairs with labels for disagreements, against a split of the traffic."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from modelrollout.evidence import ProportionTest
from modelrollout.evidence.halfplane import HalfPlane, log_growth
from modelrollout.evidence.paired import STAKES, PairCounts, PairedTest, promotion_steps, rollback_steps
from tests.bench.retrained import Held, pairs_of_models
from tests.bench.vectorised import VectorisedTest, Windows

Array = np.ndarray

MARGIN, TOLERATED, ERROR = 0.01, 0.002, 0.01
SPLITS = (0.5, 0.05)
MOST_PAIRS = 60_000
WINDOW, MOST_WINDOWS = 200, 12_000
# Share of the rollouts that must have been decided before the rest counts as never.
ENOUGH = 0.98


@dataclass(frozen=True)
class Taken:
    """Medians over the rollouts that decided; `decided` is their share."""

    requests: float
    labels: float
    decided: float


def run(rollouts: int, seed: int = 12) -> list[dict[str, Any]]:
    """One row per data set, challenger and way to compare them."""
    rows = []
    for number, held in enumerate(pairs_of_models()):
        decision = "promotion" if held.gap < MARGIN / 2 else "rollback"
        for way, taken in _ways(held, decision, rollouts, np.random.default_rng([seed, number])):
            row = {
                "data": held.data,
                "challenger": held.challenger,
                "gap": held.gap,
                "disagree": float(held.differ.mean()),
                "decision": decision,
                "way": way,
                "rollouts": rollouts,
                "requests": taken.requests,
                "labels": taken.labels,
                "decided": taken.decided,
            }
            print(f"{held.data:15s} {decision:10s} {way:28s} {taken}", flush=True)
            rows.append(row)
    return rows


def _ways(held: Held, decision: str, rollouts: int, rng: np.random.Generator) -> Iterator[tuple[str, Taken]]:
    paired = in_pairs(held, decision, rollouts, rng)
    yield "pairs, disagreements labelled", paired
    yield "pairs, random sample labelled", Taken(paired.requests, paired.requests, paired.decided)
    for weight in SPLITS:
        yield f"split at {weight:.0%}", split(held, decision, weight, rollouts, rng)
        yield f"split at {weight:.0%}, least possible", least_of_split(held, decision, weight)


def in_pairs(held: Held, decision: str, rollouts: int, rng: np.random.Generator) -> Taken:
    """Requests are drawn from the held-out rows; each is a pair, and each disagreement gets its label."""
    test = PairedTest(margin=MARGIN, tolerated=TOLERATED, alpha=ERROR, beta=ERROR)
    steps = rollback_steps if decision == "rollback" else promotion_steps
    of_pair = np.array([steps(test, PairCounts(**{kind: 1})) for kind in ("agreed", "worse", "better")])
    difference = held.challenger_wrong.astype(int) - held.champion_wrong.astype(int)
    requests, labels = [], []
    for _ in range(rollouts):
        drawn = rng.integers(len(difference), size=MOST_PAIRS)
        logs = np.cumsum(of_pair[difference[drawn]], axis=0)
        evidence = np.logaddexp.reduce(logs, axis=1) - math.log(len(STAKES))
        decided = np.flatnonzero(evidence >= -math.log(ERROR))
        if len(decided):
            requests.append(decided[0] + 1)
            labels.append(held.differ[drawn[: decided[0] + 1]].sum())
    return _taken(requests, labels, rollouts)


def split(held: Held, decision: str, weight: float, rollouts: int, rng: np.random.Generator) -> Taken:
    """Each request is answered by one of the two, and each answer gets its label. The champion's hour is known."""
    test = ProportionTest(margin=MARGIN, tolerated=TOLERATED, alpha=ERROR, beta=ERROR, horizon=6000, dispersion=1.0)
    champion_rate, challenger_rate = held.champion_wrong.mean(), held.challenger_wrong.mean()
    gate = VectorisedTest(test, np.full(rollouts, 2000), rng.binomial(2000, champion_rate, rollouts))
    needed, decided = np.zeros(rollouts), np.zeros(rollouts, bool)
    per_window = round(WINDOW * 0.5 / weight)
    for _ in range(MOST_WINDOWS):
        challenger = rng.binomial(per_window, weight, rollouts)
        counts = (
            per_window - challenger,
            rng.binomial(per_window - challenger, champion_rate),
            challenger,
            rng.binomial(challenger, challenger_rate),
        )
        needed += np.where(decided, 0, per_window)
        gate.update(Windows(*counts))
        decided |= gate.failed if decision == "rollback" else gate.best_promotion >= -math.log(ERROR)
        if decided.mean() >= ENOUGH:
            break
    found = needed[decided].tolist()
    return _taken(found, found, rollouts)


def least_of_split(held: Held, decision: str, weight: float) -> Taken:
    """Wald's bound: what no test of these hypotheses can do without on average, however it bets."""
    null = HalfPlane(1.0, TOLERATED if decision == "rollback" else MARGIN)
    champion_rate = float(held.champion_wrong.mean())
    growth = log_growth((1 - weight) / weight, 1.0, null, champion_rate, float(held.challenger_wrong.mean()))
    requests = -math.log(ERROR) / growth / weight
    return Taken(requests, requests, 1.0)


def _taken(requests: list[Any], labels: list[Any], rollouts: int) -> Taken:
    if not requests:
        return Taken(math.inf, math.inf, 0.0)
    return Taken(float(np.median(requests)), float(np.median(labels)), len(requests) / rollouts)
