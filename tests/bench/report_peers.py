"""Peers beside the engine, as markdown tables that say plainly where a goal is missed."""

from collections.abc import Sequence
from typing import Any

from tests.bench.markdown import percent, seconds, table

OURS, MATCHED, FIXED = "ours, steps", "ours, steps, matched", "ours, fixed, matched"
JUDGES = (
    OURS,
    MATCHED,
    FIXED,
    "ours, budget",
    "Flagger",
    "Argo Rollouts",
    "Argo Rollouts, relative",
    "Kayenta",
)
PEERS = JUDGES[4:]
DOCUMENTED = ("Flagger, as documented", "Argo Rollouts, as documented")
STRESSED = (OURS, "ours, fixed", *PEERS)
GROSS = ("+50 pp, 100 rps", "latency x10, 100 rps", "+50 pp, 10 rps", "+50 pp, 1 rps", "+50 pp from minute 8, 100 rps")


def peers(results: dict[str, Any]) -> str:
    rows = [row for row in results["rows"] if "results" in row]
    overall = [row for row in results["rows"] if "overall" in row]
    measured = [row for row in rows if "Flagger" in row["results"]]
    sections = [
        _peers_head(results),
        "## Excess bad answers served within the hour\n",
        table(
            ["scenario", *JUDGES, *DOCUMENTED],
            ([r["scenario"], *(_bad(r["results"].get(j)) for j in (*JUDGES, *DOCUMENTED))] for r in measured),
        ),
        "## As a multiple of ours on the same steps, at the matched rate\n",
        table(
            ["scenario", *PEERS],
            ([r["scenario"], *(_ratio(r, j, MATCHED) for j in PEERS)] for r in measured),
        ),
        "## As a multiple of ours with the base rate declared (`baseline.fixed`), at the matched rate\n\n"
        "What the thresholds are tuned to, ours then knows too; it has no protection from shared incidents then.\n",
        table(
            ["scenario", *PEERS],
            ([r["scenario"], *(_ratio(r, j, FIXED) for j in PEERS)] for r in measured),
        ),
        _where_missed(measured),
        "\n## Time to rollback (median) and rollouts rolled back\n",
        table(
            ["scenario", *JUDGES, *DOCUMENTED],
            ([r["scenario"], *(_rollback(r["results"].get(j)) for j in (*JUDGES, *DOCUMENTED))] for r in measured),
        ),
        "## Promoted within the hour\n\nWrong where the excess is at or beyond the margin of 0.5 percentage points.\n",
        table(
            ["scenario", *JUDGES, *DOCUMENTED],
            ([r["scenario"], *(_promotion(r["results"].get(j)) for j in (*JUDGES, *DOCUMENTED))] for r in rows),
        ),
        "## One setting for all scenarios (errors, 100 rps)\n\n"
        "Per tool the setting with the least geometric mean; excess bad answers as a multiple of ours.\n",
        _overall(overall, measured),
        "## False rollbacks of these settings on traffic they were not tuned for\n",
        table(
            ["equal challengers", *STRESSED],
            ([row["scenario"], *(percent(row.get(judge)) for judge in STRESSED)] for row in results["stress"]),
        ),
        "## The best settings found\n",
        table(
            ["scenario", *PEERS],
            ([r["scenario"], *(r["results"].get(j, {}).get("setting", "none") for j in PEERS)] for r in measured),
        ),
    ]
    return "\n".join(sections)


def _peers_head(results: dict[str, Any]) -> str:
    counted = "; ".join(
        f"{family}: " + ", ".join(f"{tool} {count}" for tool, count in tools.items())
        for family, tools in results["settings"].items()
    )
    return f"""# Against Flagger, Argo Rollouts and Kayenta

All judges see the same requests with the same outcomes. Fixed steps for all: 3 min at 5 %, 3 at 10 %, 4 at 25 %, 5
at 50 %, then promotion unless the judge objects (ours: once it passes). "Ours, budget" ramps on a budget of 100
bad answers. A decision takes effect five seconds later, for all alike. Excess bad answers are counted to the end
of the hour, including those after a promotion. Peers are re-implemented from their sources and swept over limits,
intervals, spans and tolerated failures; each cell is the best setting *for that scenario* among those with at most
1 % false rollbacks on equal challengers of the same traffic, which no user can know beforehand. "Matched" is ours
at the loosest declared rate that also measures at most 1 %; plain "ours" declares 1 % and measures less. "Fixed" is
ours against the true base rate as a fixed figure, in place of the champion at the same time. "As documented" are the
settings that the documentation of Flagger (success rate at least 99 % over 1 min, every minute, 5 failed checks) and of
Argo Rollouts (at least 95 % over 5 min, every 5 min, failureLimit 3) shows. All traffic is synthetic. Raw figures:
peers.json.

Settings within 1 %: {counted}.
"""


def _where_missed(measured: Sequence[dict[str, Any]]) -> str:
    gross = [row for row in measured if row["scenario"] in GROSS]
    return "\n".join(
        [
            _goal("no peer serves fewer bad answers in any scenario, at the matched rate", measured, MATCHED, 1),
            _goal("the same where ours knows the base rate as the thresholds do", measured, FIXED, 1),
            _goal("the same for ours as declared, at 1 %, against the champion", measured, OURS, 1),
            _goal("a third or less of any peer's for gross regressions, on the same steps", gross, MATCHED, 3),
            _goal("the same for ours on a risk budget", gross, "ours, budget", 3),
        ]
    )


def _goal(text: str, rows: Sequence[dict[str, Any]], ours: str, least: float) -> str:
    missed = [
        f"{row['scenario']} ({judge}: {_multiple(row, judge, ours):.2f})"
        for row in rows
        for judge in PEERS
        if judge in row["results"] and _multiple(row, judge, ours) < least
    ]
    return f"- Goal: {text}. " + ("Reached." if not missed else "**Missed** in: " + "; ".join(missed) + ".")


def _overall(overall: Sequence[dict[str, Any]], measured: Sequence[dict[str, Any]]) -> str:
    ours = {row["scenario"]: row["results"][OURS]["bad"] for row in measured}
    names = list(overall[0]["bad"]) if overall else []
    return table(
        ["tool", "setting", *names],
        ([row["overall"], row["setting"], *(f"{row['bad'][n] / ours[n]:.2f}" for n in names)] for row in overall),
    )


def _multiple(row: dict[str, Any], judge: str, ours: str) -> float:
    return float(row["results"][judge]["bad"] / row["results"][ours]["bad"])


def _ratio(row: dict[str, Any], judge: str, ours: str) -> str:
    if judge not in row["results"]:
        return "none within 1 %"
    multiple = _multiple(row, judge, ours)
    return f"{multiple:.2f}" if multiple >= 1 else f"**{multiple:.2f}**"


def _bad(figures: dict[str, Any] | None) -> str:
    return "none" if figures is None else f"{figures['bad']:.1f}"


def _rollback(figures: dict[str, Any] | None) -> str:
    if figures is None:
        return "none"
    return f"{seconds(figures['rollback_seconds'])}, {figures['rolled_back']:.0%}"


def _promotion(figures: dict[str, Any] | None) -> str:
    if figures is None:
        return ""
    return f"{figures['promoted']:.1%}" + (f", {seconds(figures['promotion_seconds'])}" if figures["promoted"] else "")
