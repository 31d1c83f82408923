"""Bring the generated files of the chart up to date: `python charts/sync.py [--check]`.

Helm cannot read outside of a chart, so the chart has a copy of the CustomResourceDefinition. The table of values in
its README comes from the comments in values.yaml.
"""

import argparse
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import yaml

CHART = Path(__file__).parent / "modelrollout"
CRD = CHART.parents[1] / "crds" / "modelrollout.io_modelrollouts.yaml"
BEGIN, END = "<!-- begin values -->\n", "<!-- end values -->\n"


def generated() -> dict[Path, str]:
    """What each generated file should hold."""
    readme = CHART / "README.md"
    before, _, rest = readme.read_text().partition(BEGIN)
    after = rest.partition(END)[2]
    return {
        CHART / "files" / CRD.name: CRD.read_text(),
        readme: f"{before}{BEGIN}{_table((CHART / 'values.yaml').read_text())}{END}{after}",
    }


def _table(values: str) -> str:
    root = yaml.compose(values, Loader=yaml.SafeLoader)
    rows = _rows(root, values.splitlines(), "")
    return "| Value | Default | Meaning |\n|---|---|---|\n" + "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _rows(mapping: yaml.Node | None, lines: list[str], prefix: str) -> Iterator[tuple[str, str, str]]:
    """Name, default and description of every value; a mapping without description stands for its members."""
    assert isinstance(mapping, yaml.MappingNode)
    for key, value in mapping.value:
        name = f"{prefix}{key.value}"
        if description := _description(lines[: key.start_mark.line]):
            default = json.dumps(yaml.SafeLoader("").construct_object(value, deep=True))
            yield f"`{name}`", f"`{default}`", description
        else:
            yield from _rows(value, lines, f"{name}.")


def _description(lines: list[str]) -> str:
    """The comment at the end of these lines, from "# --" on."""
    comment: list[str] = []
    while lines and (match := re.match(r"\s*# ?(.*)", lines.pop())):
        comment.insert(0, match[1])
        if match[1].startswith("-- "):
            return " ".join(comment).removeprefix("-- ")
    return ""


def main() -> int:
    """Write the files, or only say which of them are out of date. Returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; fail if a file is out of date")
    check = parser.parse_args().check
    outdated = {path: text for path, text in generated().items() if not path.exists() or path.read_text() != text}
    for path, text in outdated.items():
        print(f"{path} is out of date" if check else f"{path} is written")
        if not check:
            path.write_text(text)
    return 1 if check and outdated else 0


if __name__ == "__main__":
    sys.exit(main())
