"""Run the studies on real data and keep their tables in docs/benchmarks. They need the dependency group `bench`.

python -m tests.bench.sequences [pairs ...] [--runs N] [--output FOLDER]
"""

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.bench import changes, pairs, report_sequences, segments

STUDIES: dict[str, tuple[Callable[[int], Any], Callable[[Any], str]]] = {
    "pairs": (pairs.run, report_sequences.pairs),
    "segments": (segments.run, report_sequences.segments),
    "changes": (changes.run, report_sequences.changes),
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="tests.bench.sequences", description=__doc__)
    parser.add_argument("studies", nargs="*", default=list(STUDIES), help="default all: " + ", ".join(STUDIES))
    parser.add_argument("--runs", type=int, default=200, help="simulated runs per row")
    parser.add_argument("--output", type=Path, default=Path("docs/benchmarks"), help="folder of the results")
    arguments = parser.parse_args()
    if unknown := set(arguments.studies) - set(STUDIES):
        parser.error(f"unknown study {', '.join(sorted(unknown))}; there are {', '.join(STUDIES)}")
    arguments.output.mkdir(parents=True, exist_ok=True)
    for name in arguments.studies:
        run, report = STUDIES[name]
        results = run(arguments.runs)
        (arguments.output / f"{name}.json").write_text(json.dumps(results, indent=1) + "\n")
        (arguments.output / f"{name}.md").write_text(report(results))
        print(report(results), flush=True)


if __name__ == "__main__":
    main()
