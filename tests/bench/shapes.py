"""Do the declared error rates hold on services as people run them, over ramp, promotion and watch?"""

import sys
import time
from dataclasses import replace
from typing import Any

import numpy as np

from tests.bench.calibration import DECLARED, interval
from tests.bench.life import Policy, live
from tests.bench.service import Episodes, Shape, Users, hourly

MARGIN = 0.005


def covered() -> list[Shape]:
    """Shapes for which the documentation says that the declared rates hold."""
    return [
        Shape("independent requests"),
        Shape("independent requests, 10 rps", requests_per_second=10.0),
        Shape("failures counted 20 s late", late=20.0),
        Shape("failures counted 60 s late", late=60.0),
        Shape("bursts of 3 failures on average", burst=3.0),
        Shape("episodes of a pod: 30 s, 5 % fail, every two hours", episodes=Episodes(0.5, 30.0, 0.05)),
        Shape("incidents of all pods: 1 min, 10 % fail, twice an hour", shared=Episodes(2.0, 60.0, 0.1)),
        Shape("load and errors swing over an hour", load=hourly(0.8), errors=hourly(0.8)),
        Shape("scrapes of the arms 10 s apart", offset=10.0),
        Shape("incidents and scrapes 10 s apart", shared=Episodes(2.0, 60.0, 0.1), offset=10.0),
        Shape("gateway follows 15 s late", takes_over=15.0),
        Shape("pods' rates differ by 10 %", pod_spread=0.1),
    ]


def uncovered() -> list[Shape]:
    """Shapes that no method can tell from a bad version, or that this one does not: what they cost."""
    return [
        Shape("pods' rates differ by 30 %", pod_spread=0.3),
        Shape("episodes of a pod: 2 min, 30 % fail, every two hours", episodes=Episodes(0.5, 120.0, 0.3)),
        Shape("sticky users, 2 000 of unlike rates", users=Users(2000, 0.1, 19.9)),
        Shape("sticky users, some of them heavy", users=Users(2000, 0.1, 19.9, tail=1.5)),
        Shape("a pod's first answers fail: 20 %, fading in 30 s", cold=0.2),
    ]


# What is left out of a pod that starts: six times as long as its failures take to fade to a third.
WARM_UP = 180.0
WARMED_UP = Shape("a pod's first answers fail: 20 %, fading in 30 s, left out by errorRate.warmUp of 3m", cold=0.2)


def policies() -> dict[str, Policy]:
    """As shipped, and with scrapes every five seconds."""
    return {"15 s": Policy(hours=1.0), "5 s": Policy(interval=5.0, hours=1.0)}


def run(rollouts: int, seed: int = 11) -> list[dict[str, Any]]:
    """One row per shape and policy: both error rates over a whole life, with 95 % intervals."""
    rows = []
    for name, policy in policies().items():
        for is_covered, shapes in ((True, covered()), (False, uncovered())):
            for number, shape in enumerate(shapes):
                rows.append(_row(shape, name, policy, rollouts, seed + number) | {"covered": is_covered})
                _print(rows[-1])
        rows.append(_row(WARMED_UP, name, replace(policy, warm_up=WARM_UP), rollouts, seed + 99) | {"covered": True})
        _print(rows[-1])
    return rows


def day(rollouts: int, seed: int = 31) -> list[dict[str, Any]]:
    """A day at a weight of 50 %, at the shipped settings: does the rate hold for that long?"""
    policy = Policy(hours=24.0, watch=0.0, fixed=6)
    shapes = [Shape("a day, independent requests"), Shape("a day, bursts of 3 failures on average", burst=3.0)]
    rows = []
    for number, shape in enumerate(shapes):
        rows.append(_row(shape, "15 s", policy, rollouts, seed + number) | {"covered": True})
        _print(rows[-1])
    return rows


def _row(shape: Shape, name: str, policy: Policy, rollouts: int, seed: int) -> dict[str, Any]:
    began = time.monotonic()
    equal = live(shape, policy, rollouts, seed)
    # Exactly at the margin; once it is promoted there is nothing more to see.
    at_margin = live(shape, replace(policy, watch=policy.interval), rollouts, seed + 1000, excess=MARGIN)
    row: dict[str, Any] = {"scenario": shape.name, "scrapes": name, "rollouts": rollouts}
    for error, count in (("false_rollback", equal.false_rollbacks), ("false_promotion", at_margin.promotions)):
        low, high = interval(count, rollouts)
        row |= {error: count / rollouts, f"{error}_low": low, f"{error}_high": high}
    promoted = equal.promoted[np.isfinite(equal.promoted)]
    return row | {
        "holds": max(row["false_rollback_high"], row["false_promotion_high"]) <= 1.5 * DECLARED,
        "measured": max(row["false_rollback"], row["false_promotion"]) <= DECLARED,
        "promoted": equal.promotions / rollouts,
        "promoted_after_seconds": float(np.median(promoted)) if len(promoted) else None,
        "rolled_back_at_margin": at_margin.false_rollbacks / rollouts,
        "bad_at_margin": float(at_margin.bad.mean()),
        "retreats": float((equal.retreats > 0).mean()),
        "median_dispersion": float(np.median(equal.dispersion)),
        "seconds": time.monotonic() - began,
    }


def _print(row: dict[str, Any]) -> None:
    print(
        f"{row['scenario']:55s} {row['scrapes']:5s} false rollback {row['false_rollback']:.4f} (<= "
        f"{row['false_rollback_high']:.4f})  false promotion {row['false_promotion']:.4f} (<= "
        f"{row['false_promotion_high']:.4f})  promoted {row['promoted']:.3f}  {row['seconds']:.0f} s",
        file=sys.stdout,
        flush=True,
    )
