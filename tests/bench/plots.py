"""What the studies found, as pictures."""

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from modelrollout.evidence import ArmCounts, Block, ProportionTest, start, update
from modelrollout.evidence.proportion import log_e_rollback
from tests.bench.chart import COLOURS, Axis, Chart
from tests.bench.limit import RATE, bound_of

ALPHA = 0.01
CHALLENGERS = (
    ("good: as the champion", 0.0, COLOURS[2]),
    ("doubtful: +0.25 pp", 0.0025, COLOURS[4]),
    ("bad: +1 pp", 0.01, COLOURS[1]),
)
MINUTES, WINDOW_SECONDS, REQUESTS_PER_SECOND = 20, 15, 100


def evidence_over_time(seed: int = 41) -> Chart:
    """Evidence against and for a good, a doubtful and a bad challenger, at half of 100 requests a second."""
    ticks = [(power * math.log(10), f"10^{power}" if power else "1") for power in range(-3, 7)]
    chart = Chart(
        "Evidence over time: for a rollback (solid) and for a promotion (dashed)",
        Axis(0, MINUTES, "minutes at a weight of 50 %, 100 requests a second", [(m, str(m)) for m in range(0, 21, 5)]),
        Axis(-3 * math.log(10), 6 * math.log(10), "e-value", ticks),
    )
    level = -math.log(ALPHA)
    chart.line([(0, level), (MINUTES, level)], COLOURS[5], dashes="2 3")
    chart.text(MINUTES, level, "decided at 1/alpha = 100")
    for number, (name, gap, colour) in enumerate(CHALLENGERS):
        found = list(_course(gap, np.random.default_rng([seed, number])))
        chart.line([(minutes, against) for minutes, against, _ in found], colour, name)
        chart.line([(minutes, in_favour) for minutes, _, in_favour in found], colour, dashes="6 4")
    return chart


def _course(gap: float, rng: np.random.Generator) -> Iterator[tuple[float, float, float]]:
    test = ProportionTest(margin=0.005, tolerated=0.001, dispersion=1.0, horizon=6000)
    state = start(test, ArmCounts(360_000, 1800))
    yield 0.0, 0.0, 0.0
    for window in range(MINUTES * 60 // WINDOW_SECONDS):
        champion, challenger = rng.poisson(WINDOW_SECONDS * REQUESTS_PER_SECOND / 2, 2).tolist()
        bad = int(rng.binomial(champion, RATE)), int(rng.binomial(challenger, RATE + gap))
        state = update(test, state, Block(ArmCounts(champion, bad[0]), ArmCounts(challenger, bad[1])))
        in_favour = max(state.log_improvements)
        yield (window + 1) * WINDOW_SECONDS / 60, log_e_rollback(test, state), in_favour


def false_decisions(rows: Sequence[dict[str, Any]]) -> Chart:
    """Both error rates by shape, at the shipped scrape interval, with their 95 % intervals."""
    shown = [row for row in rows if row["scrapes"] == "15 s"]
    chart = Chart(
        "False decisions by shape, scrapes every 15 s (declared: 1 % each)",
        Axis(0.0, 0.2, "share of the rollouts; 95 % interval; beyond 20 % at the edge", _percents(0.2, 0.05)),
        Axis(0, len(shown), "", []),
        width=900,
        height=90 + 22 * len(shown),
        legend_at_right=True,
    )
    chart.line([(0.01, 0), (0.01, len(shown))], COLOURS[5], "declared", "2 3")
    for number, row in enumerate(shown):
        y = len(shown) - number - 0.5
        for error, colour, shift in (("false_rollback", COLOURS[1], 0.15), ("false_promotion", COLOURS[0], -0.15)):
            label = row["scenario"] if shift > 0 else ""
            chart.row(y + shift, label, row[f"{error}_low"], row[error], row[f"{error}_high"], colour)
    chart.dots([], COLOURS[1], "equal challengers rolled back")
    chart.dots([], COLOURS[0], "challengers at the margin promoted")
    return chart


def requests_needed(rows: Sequence[dict[str, Any]]) -> Chart:
    """Challenger requests until a rollback, by gap and weight, beside the least that any test needs."""
    gaps = np.geomspace(0.002, 0.6, 40)
    chart = Chart(
        "Challenger requests until a rollback, beside Wald's bound (lines)",
        Axis(0.002, 0.6, "gap", [(g, f"+{100 * g:g} pp") for g in (0.0025, 0.005, 0.01, 0.05, 0.1, 0.5)], True),
        Axis(5, 2e5, "requests", [(10.0**power, f"{10**power:,}".replace(",", " ")) for power in range(1, 6)], True),
        legend_at_right=True,
    )
    for colour, weight in ((COLOURS[0], 0.05), (COLOURS[1], 0.5)):
        chart.line([(gap, bound_of("rollback", gap, weight)) for gap in gaps], colour, f"bound, weight {weight:.0%}")
        of_weight = [row for row in rows if row["decision"] == "rollback" and row["weight"] == weight]
        free = [(row["gap"], row["requests"]) for row in of_weight if not row["by_minutes"]]
        chart.dots(free, colour)
    by_minutes = [row for row in rows if row["decision"] == "rollback" and row["by_minutes"]]
    chart.dots([(row["gap"], row["requests"]) for row in by_minutes], COLOURS[5], "limited by minutes or scrapes")
    return chart


def keep(folder: Path, name: str, chart: Chart) -> None:
    (folder / f"{name}.svg").write_text(chart.svg())


def _percents(highest: float, step: float) -> list[tuple[float, str]]:
    return [(step * n, f"{100 * step * n:g} %") for n in range(round(highest / step) + 1)]
