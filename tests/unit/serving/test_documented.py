"""docs/serving.md shows the example as it is, and every metric that there is."""

import re
from pathlib import Path

from prometheus_client import REGISTRY

from modelrollout_contract import predictions as names

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "serving.md").read_text()
EXAMPLE = (ROOT / "examples" / "digits" / "service.py").read_text().splitlines()


def shown() -> list[str]:
    [block] = re.findall(r"^```diff\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    return [line for line in block.splitlines() if line.strip("+ ")]


def test_what_adoption_adds_is_in_the_example_among_what_was_there() -> None:
    lines = iter(EXAMPLE)
    assert [line for line in shown() if line[1:] not in lines] == []


def test_nothing_else_of_the_sdk_is_in_the_example() -> None:
    added = [line[1:].strip() for line in shown() if line.startswith("+")]
    ours = re.compile(r"\bPredictions\(|^\s*@?predictions\.|modelrollout_serving")
    used = [line.strip() for line in EXAMPLE if ours.search(line)]
    assert used == added


def test_every_metric_is_documented() -> None:
    ours = {value for name, value in vars(names).items() if name.isupper()}
    assert ours <= {family.name for family in REGISTRY.collect()}
    documented = set(re.findall(r"^\| `(modelrollout_[a-z_]+?)(?:_total)?[{`]", PAGE, re.MULTILINE))
    assert documented == ours
