"""Run the studies of the evidence engine, print their tables and keep the results in docs/benchmarks.

python -m tests.bench [shapes | limit | calibration | peers | cost ...] [--rollouts N] [--output FOLDER]
"""

import argparse
import json
from pathlib import Path

from tests.bench import calibration, calibration_others, compare, cost, limit, plots, report, report_peers, shapes

STUDIES = ("shapes", "limit", "calibration", "peers", "cost")


def main() -> None:
    parser = argparse.ArgumentParser(prog="tests.bench", description=__doc__)
    parser.add_argument("studies", nargs="*", default=STUDIES, help="which to run, default all: " + ", ".join(STUDIES))
    parser.add_argument("--rollouts", type=int, default=4000, help="simulated rollouts per calibration scenario")
    parser.add_argument("--output", type=Path, default=Path("docs/benchmarks"), help="folder of the results")
    arguments = parser.parse_args()
    if unknown := set(arguments.studies) - set(STUDIES):
        parser.error(f"unknown study {', '.join(sorted(unknown))}; there are {', '.join(STUDIES)}")
    arguments.output.mkdir(parents=True, exist_ok=True)
    if "shapes" in arguments.studies:
        rows = shapes.run(arguments.rollouts // 4) + shapes.day(arguments.rollouts // 20)
        _keep(arguments.output, "shapes", rows, report.shapes(rows))
        plots.keep(arguments.output, "false-decisions", plots.false_decisions(rows))
    if "limit" in arguments.studies:
        rows = limit.run(max(50, arguments.rollouts // 20))
        _keep(arguments.output, "limit", rows, report.limit(rows))
        plots.keep(arguments.output, "requests-needed", plots.requests_needed(rows))
        plots.keep(arguments.output, "evidence-over-time", plots.evidence_over_time())
    if "calibration" in arguments.studies:
        rows = calibration.run(arguments.rollouts) + calibration_others.run(arguments.rollouts // 2)
        _keep(arguments.output, "calibration", rows, report.calibration(rows))
    if "peers" in arguments.studies:
        results = compare.run(max(50, arguments.rollouts // 12), max(200, arguments.rollouts // 4))
        _keep(arguments.output, "peers", results, report_peers.peers(results))
    if "cost" in arguments.studies:
        rows = cost.run()
        _keep(arguments.output, "cost", rows, report.cost(rows))


def _keep(folder: Path, name: str, results: object, text: str) -> None:
    (folder / f"{name}.json").write_text(json.dumps(results, indent=1) + "\n")
    (folder / f"{name}.md").write_text(text)
    print(text, flush=True)


if __name__ == "__main__":
    main()
