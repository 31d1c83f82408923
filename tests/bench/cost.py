"""What a gate costs: microseconds per update on one core, bytes of status, and how an optimiser-based test compares."""

import asyncio
import json
import time
from collections.abc import Callable
from functools import reduce
from typing import Any

import numpy as np
from scipy import optimize, special

from modelrollout.evidence import ArmCounts, Block, ProportionTest, judge, start, update
from modelrollout.evidence.drift import DriftTest, judge_drift, start_drift, update_drift
from modelrollout.evidence.halfplane import HalfPlane, log_e_value
from modelrollout.evidence.mean import ArmSum, MeanState, MeanTest, judge_mean, update_mean
from tests.bench.vectorised import VectorisedTest, Windows

GATES = 2000
BACKLOG_GATES, BACKLOG_WINDOWS = 16, 720


def seconds_each(action: Callable[[int], object], repeats: int, rounds: int = 5) -> float:
    """Least mean time of `rounds` rounds: other work on the machine only ever adds."""
    best = float("inf")
    for _ in range(rounds):
        began = time.perf_counter()
        for number in range(repeats):
            action(number)
        best = min(best, (time.perf_counter() - began) / repeats)
    return best


def _blocks() -> list[Block]:
    rng = np.random.default_rng(0)
    champion, challenger = rng.poisson(475, GATES), rng.poisson(25, GATES)
    counts = np.array([champion, rng.binomial(champion, 0.005), challenger, rng.binomial(challenger, 0.005)])
    return [Block.from_list(one) for one in counts.T.tolist()]


def divergence(rate: float, other: float) -> float:
    """Kullback-Leibler divergence of two Bernoulli rates."""
    return float(special.rel_entr(rate, other) + special.rel_entr(1 - rate, 1 - other))


def exact_projection(window: Block, null: HalfPlane, champion_rate: float, challenger_rate: float) -> float:
    """The boundary point by numerical minimisation, as a test without the explicit stake would need it."""
    champion, challenger = window.champion.total, window.challenger.total
    found = optimize.minimize_scalar(
        lambda a: champion * divergence(champion_rate, a) + challenger * divergence(challenger_rate, null.allowed(a)),
        bounds=(null.nearest(0), null.nearest(1)),
        method="bounded",
        options={"xatol": 1e-12},
    )
    return float(found.fun)


async def longest_wait() -> float:
    """Seconds that the event loop waited at most while a backlog of 720 windows of 16 gates was judged in a thread."""
    tests = [ProportionTest(margin=0.005, dispersion=1.2)] * BACKLOG_GATES
    blocks = _blocks()[:BACKLOG_WINDOWS]

    def catch_up() -> None:
        for test in tests:
            reduce(lambda state, block: update(test, state, block), blocks, start(test, ArmCounts(30_000, 150)))

    judging, longest, last = asyncio.ensure_future(asyncio.to_thread(catch_up)), 0.0, time.perf_counter()
    while not judging.done():
        await asyncio.sleep(0.001)
        now = time.perf_counter()
        longest, last = max(longest, now - last), now
    return longest


def run() -> list[dict[str, Any]]:
    """One row per operation."""
    blocks = _blocks()
    test = ProportionTest(margin=0.005, dispersion=1.2)
    state = start(test, ArmCounts(30_000, 150))
    for block in blocks[:100]:
        state = update(test, state, block)
    drift = DriftTest(buckets=10, margin=0.05, tolerated=0.02)
    drift_state = start_drift(drift)
    champion_buckets, challenger_buckets = [50] * 10, [5] * 10
    # So few that no part of the promotion is proven yet: what is proven costs nothing any more.
    for _ in range(5):
        drift_state = update_drift(drift, drift_state, champion_buckets, challenger_buckets)
    mean, mean_state = MeanTest(margin=0.3), MeanState()
    for number in range(50):
        mean_state = update_mean(mean, mean_state, ArmSum(40, 40.0 + number % 7), ArmSum(20, 20.0 + number % 5))
    null = HalfPlane(1.0, 0.001)
    gates = VectorisedTest(test, np.full(GATES, 30_000), np.full(GATES, 150), ladder=True)
    together = Windows(*np.array([block.to_list() for block in blocks]).T)
    rows = [
        _row("update, proportion", seconds_each(lambda n: update(test, state, blocks[n]), GATES), state.to_dict()),
        _row("judge, proportion", seconds_each(lambda n: judge(test, state), GATES)),
        _row("checkpoint, proportion", seconds_each(lambda n: json.dumps(state.to_dict()), GATES)),
        _row(
            "update, mean",
            seconds_each(lambda n: update_mean(mean, mean_state, ArmSum(40, 41.0), ArmSum(20, 20.5)), GATES),
            mean_state.to_dict(),
        ),
        _row("judge, mean", seconds_each(lambda n: judge_mean(mean, mean_state), GATES)),
        _row(
            "update, drift over 10 buckets",
            seconds_each(lambda n: update_drift(drift, drift_state, champion_buckets, challenger_buckets), 200),
            drift_state.to_dict(),
        ),
        _row(
            "judge, drift over 10 buckets", seconds_each(lambda n: judge_drift(drift, drift_state, "0123456789"), 200)
        ),
        _row("one e-value, explicit stake", seconds_each(lambda n: log_e_value(blocks[n], null, 0.005, 0.02), GATES)),
        _row(
            "one e-value, projection by scipy",
            seconds_each(lambda n: exact_projection(blocks[n], null, 0.005, 0.02), 200),
        ),
        _row(
            f"update, proportion, {GATES} rollouts at once in numpy",
            seconds_each(lambda n: gates.update(together), 5) / GATES,
        ),
    ]
    wait = asyncio.run(longest_wait())
    rows.append(_row(f"event loop's longest wait, {BACKLOG_GATES} gates {BACKLOG_WINDOWS} windows behind", wait))
    for row in rows:
        size = f"{row['status_bytes']} bytes of status" if row["status_bytes"] else ""
        print(
            f"{row['operation']:52s} {row['microseconds']:8.1f} us  {row['per_second']:9.0f} per second  {size}",
            flush=True,
        )
    return rows


def _row(operation: str, seconds: float, status: dict[str, Any] | None = None) -> dict[str, Any]:
    return {
        "operation": operation,
        "microseconds": seconds * 1e6,
        "per_second": 1 / seconds,
        "status_bytes": len(json.dumps(status)) if status else None,
    }
