"""The rollouts of the examples are valid, and their images share one recipe."""

from pathlib import Path

import pytest
import yaml

from modelrollout.api.parsing import parse_rollout

EXAMPLES = Path(__file__).parents[3] / "examples"
ROLLOUTS = sorted(path for path in EXAMPLES.glob("*/*.yaml") if "kind: ModelRollout\n" in path.read_text())


@pytest.mark.parametrize("path", ROLLOUTS, ids=lambda path: str(path.relative_to(EXAMPLES)))
def test_a_rollout_is_valid(path: Path) -> None:
    assert parse_rollout(yaml.safe_load(path.read_text()), strict=True).spec.gates


def test_what_bentoml_is_told_about_images_is_the_same_everywhere() -> None:
    assert len({path.read_text() for path in EXAMPLES.glob("*/Dockerfile.template")}) == 1
