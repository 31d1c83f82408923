from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from tests.unit.charts.rendered import Manifest, Render


@pytest.fixture
def render(helm: Callable[..., str], chart: Path) -> Render:
    """The manifests that the chart makes of values, each given as `name=value`."""

    def run(*values: str, file: str = "default") -> list[Manifest]:
        settings = [argument for value in values for argument in ("--set", value)]
        rendered = helm(
            "template",
            "modelrollout",
            chart,
            "--namespace=modelrollout-system",
            f"--values={chart / 'ci' / file}-values.yaml",
            *settings,
        )
        return [manifest for manifest in yaml.safe_load_all(rendered) if manifest]

    return run
