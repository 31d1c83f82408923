"""Helm, for the tests of the chart."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from modelrollout_localcluster import LocalClusterError, tool_path

Helm = Callable[..., str]


@pytest.fixture(scope="session")
def helm() -> Helm:
    """Runs helm and returns what it prints. Raises LocalClusterError with its complaint when it fails."""

    def run(*arguments: str | Path) -> str:
        result = subprocess.run([tool_path("helm"), *arguments], capture_output=True, text=True, check=False)
        if result.returncode:
            raise LocalClusterError(result.stderr)
        return result.stdout

    return run


@pytest.fixture(scope="session")
def chart() -> Path:
    """The operator's chart. Files of values that fit it are in its folder `ci`."""
    return Path(__file__).parents[1] / "charts" / "modelrollout"
