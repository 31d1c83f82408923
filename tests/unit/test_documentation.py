"""What the documentation shows is what the API accepts."""

import re
from pathlib import Path

import pytest
import yaml

from modelrollout.api.parsing import parse_rollout
from modelrollout.api.rollout import ModelRollout

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
MANIFESTS = [
    pytest.param(manifest, id=f"{page.name}-{number}")
    for page in PAGES
    for number, block in enumerate(re.findall(r"^```yaml\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE))
    for manifest in yaml.safe_load_all(block)
    if isinstance(manifest, dict) and manifest.get("kind") == "ModelRollout"
]


@pytest.mark.parametrize("manifest", MANIFESTS)
def test_every_modelrollout_in_the_documentation_is_valid(manifest: dict[str, object]) -> None:
    assert isinstance(parse_rollout(manifest, strict=True), ModelRollout)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text())
    assert [target for target in targets if not (page.parent / target).exists()] == []
