"""Fifty segments: how often is any named wrongly, is the hurt one found, is a good challenger held?"""

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from modelrollout.evidence import ProportionTest
from tests.bench.calibration import interval
from tests.bench.vectorised import VectorisedTest, Windows

Array = np.ndarray

SEGMENTS, RATE = 50, 0.05
QUESTION = ProportionTest(margin=0.01, tolerated=0.002, horizon=6000, dispersion=1.0)
# Scrapes of 15 s, 100 requests a second, half of them the challenger's.
PER_WINDOW, WINDOWS = 1500, 240
LEVEL = -math.log(QUESTION.alpha)


@dataclass(frozen=True)
class Scenario:
    """hurt: how many segments, from the middle of those ordered by size; gap: by how much more is wrong there."""

    name: str
    hurt: int = 0
    gap: float = 0.0


SCENARIOS = (
    Scenario("none hurt"),
    Scenario("one of 50, +20 pp", 1, 0.2),
    Scenario("one of 50, +10 pp", 1, 0.1),
    Scenario("one of 50, +5 pp", 1, 0.05),
    Scenario("five of 50, +10 pp", 5, 0.1),
)
# Shares of the traffic: the largest has 15 times that of the smallest.
SHARES = np.geomspace(15, 1, SEGMENTS)
SHARES = SHARES / SHARES.sum()


def run(runs: int, seed: int = 17) -> list[dict[str, Any]]:
    """One row per scenario."""
    rows = []
    for number, scenario in enumerate(SCENARIOS):
        row = _study(scenario, runs, np.random.default_rng([seed, number]))
        print(row, flush=True)
        rows.append(row)
    return rows


def named_by_closed_testing(log_e: Array, level: float) -> Array:
    """`closed_log_e` at a level, for rows of segments: what one has beyond it makes up for what the others lack."""
    beyond = np.expm1(np.minimum(log_e - level, 300.0))
    lacking = np.minimum(beyond, 0.0).sum(axis=-1, keepdims=True)
    named: Array = (beyond >= 0) & (beyond + lacking >= 0)
    return named


def _study(scenario: Scenario, runs: int, rng: np.random.Generator) -> dict[str, Any]:
    hurt = np.zeros(SEGMENTS, bool)
    hurt[SEGMENTS // 2 : SEGMENTS // 2 + scenario.hurt] = True
    rates = np.tile(np.where(hurt, RATE + scenario.gap, RATE), runs)
    # As `SegmentsTest`, with one more for the others; alone, as without any correction.
    tests = (replace(QUESTION, alpha=QUESTION.alpha / (SEGMENTS + 1)), QUESTION)
    history = np.tile((4 * 60 * PER_WINDOW * SHARES).astype(int), runs)
    corrected, plain = (VectorisedTest(test, history, rng.binomial(history, RATE)) for test in tests)
    together = VectorisedTest(
        QUESTION, history.reshape(runs, -1).sum(1), np.full(runs, int(RATE * history.sum() / runs))
    )
    named, single = np.zeros((runs, SEGMENTS), bool), np.zeros((runs, SEGMENTS), bool)
    found_at, promoted = np.full(runs, np.nan), np.zeros(runs, bool)
    for window in range(WINDOWS):
        champion, challenger = rng.poisson(np.tile(SHARES * PER_WINDOW / 2, (2, runs)))
        counts = Windows(champion, rng.binomial(champion, RATE), challenger, rng.binomial(challenger, rates))
        corrected.update(counts)
        plain.update(counts)
        together.update(_sums(counts, runs))
        log_e = corrected.log_e_rollback.reshape(runs, SEGMENTS)
        with_others = np.concatenate([log_e, np.zeros((runs, 1))], axis=1)
        named |= named_by_closed_testing(with_others, LEVEL)[:, :SEGMENTS]
        single |= plain.log_e_rollback.reshape(runs, SEGMENTS) >= LEVEL
        mean = np.logaddexp.reduce(with_others, axis=1) - math.log(SEGMENTS + 1)
        promoted |= (together.best_promotion >= LEVEL) & (mean < LEVEL / 2) & ~named.any(axis=1)
        found_at = np.where(np.isnan(found_at) & named[:, hurt].any(axis=1), (window + 1) / 4, found_at)
    return _row(scenario, hurt, named, single, found_at, promoted, together.failed)


def _sums(counts: Windows, runs: int) -> Windows:
    return Windows(
        *(
            part.reshape(runs, -1).sum(1)
            for part in (counts.champion_total, counts.champion_bad, counts.challenger_total, counts.challenger_bad)
        )
    )


def _row(
    scenario: Scenario, hurt: Array, named: Array, single: Array, found_at: Array, promoted: Array, pooled: Array
) -> dict[str, Any]:
    runs = len(named)
    wrong = int(named[:, ~hurt].any(axis=1).sum())
    return {
        "scenario": scenario.name,
        "runs": runs,
        "wrong_name": wrong / runs,
        "wrong_name_high": interval(wrong, runs)[1],
        "all_found": float(named[:, hurt].all(axis=1).mean()) if scenario.hurt else None,
        "found_after_minutes": float(np.nanmedian(found_at))
        if scenario.hurt and not np.isnan(found_at).all()
        else None,
        "promoted": float(promoted.mean()),
        "wrong_name_uncorrected": float(single[:, ~hurt].any(axis=1).mean()),
        "pooled_fails": float(pooled.mean()),
    }
