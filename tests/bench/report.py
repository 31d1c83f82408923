"""The results as markdown tables that say plainly where a goal is missed."""

from collections.abc import Sequence
from typing import Any

from tests.bench.markdown import percent, rate, seconds, table

UPDATES_PER_SECOND, STATUS_BYTES = 10_000, 1024


def calibration(rows: Sequence[dict[str, Any]]) -> str:
    facts = table(
        ["scenario", "false rollback", "false promotion", "holds", "equal promoted", "after", "rolled back at margin"],
        (
            [
                row["scenario"],
                rate(row, "false_rollback"),
                rate(row, "false_promotion"),
                "yes" if row["holds"] else "**no**",
                percent(row.get("promoted")),
                seconds(row.get("promoted_after_seconds")),
                percent(row.get("rolled_back_at_margin")),
            ]
            for row in rows
        ),
    )
    broken = [row["scenario"] for row in rows if not row["holds"]]
    verdict = (
        "Every declared rate holds."
        if not broken
        else "**The goal is missed** (upper bound above 1.5 % at a declared 1 %) in: " + "; ".join(broken) + "."
    )
    return f"""# Calibration

Declared: 1 % false rollbacks, 1 % false promotions. {rows[0]["rollouts"]} simulated rollouts of an hour per
scenario and error ({rows[-1]["rollouts"]} for means and drift), watched at every five-second scrape to the end. In
brackets the 95 % interval (Clopper-Pearson). A rate holds if the upper end is at most 1.5 times what is declared.
False promotions are of challengers exactly at the margin (half a percentage point, or a fifth of the base rate). The
dispersion of each rollout is estimated from the champion's hour before. Raw figures: calibration.json.

{verdict}

{facts}"""


def shapes(rows: Sequence[dict[str, Any]]) -> str:
    head = ["service", "scrapes", "false rollback", "false promotion", "holds", "equal promoted", "after"]

    def lines(is_covered: bool) -> str:
        return table(
            head,
            (
                [
                    row["scenario"],
                    row["scrapes"],
                    rate(row, "false_rollback"),
                    rate(row, "false_promotion"),
                    "yes" if row["holds"] else "as measured" if row["measured"] else "**no**",
                    percent(row["promoted"]),
                    seconds(row["promoted_after_seconds"]),
                ]
                for row in rows
                if row["covered"] is is_covered
            ),
        )

    rollouts = ", ".join(str(number) for number in sorted({row["rollouts"] for row in rows}))
    return f"""# Calibration on shapes of services

Whole lives: a ramp by budget for up to an hour, the promotion, an hour of watch; settings as shipped (horizon, late
answers, retreat, halves of the champion's pods). Declared: 1 % false rollbacks, 1 % false promotions, of which a first
attempt uses 0.8. Simulated rollouts per row and error: {rollouts}. In brackets the 95 % interval (Clopper-Pearson).
"Yes": its upper end is at most 1.5 %. "As measured": the rate is at most what is declared, but so few rollouts do not
prove it; a row without any error needs 250 of them. False promotions are of challengers exactly at the margin. Raw
figures: shapes.json.

## Covered

{lines(True)}
## Not covered

No method can tell these from a bad version without knowing more than the counters do, or this one does not.

{lines(False)}"""


def limit(rows: Sequence[dict[str, Any]]) -> str:
    facts = table(
        [
            "decision",
            "gap",
            "weight",
            "traffic",
            "scrapes",
            "challenger requests",
            "Wald's bound",
            "multiple",
            "by minutes",
        ],
        (
            [
                row["decision"],
                f"+{100 * row['gap']:g} pp",
                percent(row["weight"]),
                f"{row['requests_per_second']:g} rps",
                f"{row['interval']:g} s",
                f"{row['requests']:.0f}",
                f"{row['bound']:.0f}",
                f"{row['multiple']:.2f}",
                "yes" if row["by_minutes"] else "",
            ]
            for row in rows
        ),
    )
    return f"""# Distance to the limit

Mean challenger requests until a decision ({rows[0]["rollouts"]} rollouts a row; independent requests, base rate 0.5 %,
tolerated 0.1 pp, margin 0.5 pp) beside Wald's bound, the least that any test of the same hypotheses with a concurrent
champion can need on average. Evidence is capped by the minute, so that a small difference takes three minutes whatever
the traffic: "by minutes" says where the bound is less than they have. Goals where it is not: rollback at small gaps
1.35, promotion 1.25; low traffic (1 rps, large gaps) 1.8. Raw figures: limit.json.

{facts}"""


def cost(rows: Sequence[dict[str, Any]]) -> str:
    facts = table(
        ["operation", "microseconds", "per second", "bytes of status"],
        (
            [row["operation"], f"{row['microseconds']:.1f}", f"{row['per_second']:.0f}", row["status_bytes"] or ""]
            for row in rows
        ),
    )
    wait = next(row["microseconds"] for row in rows if row["operation"].startswith("event loop")) / 1000
    updates = [row for row in rows if row["operation"].startswith("update") and "at once" not in row["operation"]]
    slow = [row["operation"] for row in updates if row["per_second"] < UPDATES_PER_SECOND]
    large = [row["operation"] for row in updates if row["status_bytes"] >= STATUS_BYTES]
    return f"""# Cost

One core, pure Python, least of five rounds. Goal: 20 000 updates of a proportion per second, 10 000 of others, less
than 1 KiB of status per gate.
{"Speed is reached." if not slow else "Speed is **missed** by: " + ", ".join(slow) + "."}
{"Size is reached." if not large else "Size is **missed** by: " + ", ".join(large) + "."} Decisions
are made beside the event loop; while 16 gates catch up with 720 windows it waited for {wait:.0f} ms at most (goal: 50).
Raw figures: cost.json.

{facts}"""
