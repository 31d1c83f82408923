import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import yaml


def test_the_charts_crd_and_table_of_values_are_up_to_date(chart: Path) -> None:
    command = [sys.executable, str(chart.parent / "sync.py"), "--check"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)

    assert result.returncode == 0, f"{result.stdout}{result.stderr}run: python charts/sync.py"


def test_the_chart_installs_the_version_of_the_operator_that_it_lies_beside(chart: Path) -> None:
    assert yaml.safe_load((chart / "Chart.yaml").read_text())["appVersion"] == version("modelrollout")
