"""`python -m tests.scale`: what many ramping rollouts cost, as a table."""

import argparse
import asyncio
import json
import time
from dataclasses import asdict, fields
from pathlib import Path

from tests.scale.measure import Figures, Setup, measure

_ROWS = {
    "looks_per_minute": "looks per rollout and minute (4 are due)",
    "operator_ms": "operator, ms of processor a look",
    "operator_cores": "operator, processors in use",
    "api_server_ms": "API server, ms of processor a look",
    "status_writes": "status writes a look",
    "lag_p50": "window's end to the look that counts it, p50 s",
    "lag_p95": "the same, p95 s",
    "rollback_seconds": "first bad answer to weight 0, s",
    "resident_mb": "operator, MB of memory",
    "stable_requests_per_minute": "requests per stable rollout and minute",
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.scale", description=__doc__)
    parser.add_argument("--rollouts", type=int, nargs="+", default=[50, 200, 500], help="how many (%(default)s)")
    parser.add_argument("--seconds", type=float, default=120, help="to measure for (%(default)s)")
    parser.add_argument("--tree", type=Path, default=Path.cwd(), help="checkout whose operator is measured")
    parser.add_argument("--output", type=Path, help="file for the figures as JSON")
    options, extra = parser.parse_known_args()
    setup = Setup(options.tree.resolve(), options.seconds, options=extra)
    measured = []
    for count in options.rollouts:
        print(f"{count} rollouts, {time.strftime('%H:%M:%S')}", flush=True)
        measured.append(asyncio.run(measure(setup, count)))
        print(table(measured), flush=True)
        if options.output:
            options.output.write_text(json.dumps([asdict(figures) for figures in measured], indent=2) + "\n")


def table(measured: list[Figures]) -> str:
    """The figures as a Markdown table, a column for each number of rollouts."""
    lines = [
        "| ramping rollouts | " + " | ".join(str(figures.rollouts) for figures in measured) + " |",
        "|---" * (len(measured) + 1) + "|",
    ]
    for field in fields(Figures):
        if field.name in _ROWS:
            cells = (f"{getattr(figures, field.name):.3g}" for figures in measured)
            lines.append(f"| {_ROWS[field.name]} | {' | '.join(cells)} |")
    requests = {name for figures in measured for name in figures.requests}
    for name in sorted(requests):
        cells = (f"{figures.requests.get(name, 0):.2f}" for figures in measured)
        lines.append(f"| {name} a look, all clients | {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
