"""What the documentation shows is what the API accepts."""

import re
from pathlib import Path

import pytest
import yaml

from modelrollout.api.gates import Gate
from modelrollout.api.parsing import parse_rollout
from modelrollout.api.rollout import ModelRollout

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
EXAMPLE = ROOT / "examples" / "digits" / "service.py"


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE)


OBJECTS = [
    pytest.param(thing, id=f"{page.name}-{number}")
    for page in PAGES
    for number, block in enumerate(blocks(page, "yaml"))
    for thing in yaml.safe_load_all(block)
    if isinstance(thing, dict)
]
MANIFESTS = [thing for thing in OBJECTS if thing.values[0].get("kind") == "ModelRollout"]
GATES = [thing for thing in OBJECTS if "gates" in thing.values[0]]


@pytest.mark.parametrize("manifest", MANIFESTS)
def test_every_modelrollout_in_the_documentation_is_valid(manifest: dict[str, object]) -> None:
    assert isinstance(parse_rollout(manifest, strict=True), ModelRollout)


@pytest.mark.parametrize("part", GATES)
def test_every_gate_in_the_documentation_is_valid(part: dict[str, list[object]]) -> None:
    assert all(isinstance(Gate.model_validate(gate), Gate) for gate in part["gates"])


def test_how_the_example_counts_is_shown_as_it_is() -> None:
    [block] = blocks(ROOT / "docs" / "metrics.md", "python")
    assert [part for part in block.strip("\n").split("\n\n") if part not in EXAMPLE.read_text()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text())
    assert [target for target in targets if not (page.parent / target).exists()] == []
