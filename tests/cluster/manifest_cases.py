"""The tables of good and bad manifests, for the API server and for our own checks."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from modelrollout.kube.merge import merge

MANIFESTS = Path(__file__).parent / "manifests"

Manifest = dict[str, Any]


def load(name: str) -> Any:
    """A file of the folder `manifests`."""
    return yaml.safe_load((MANIFESTS / name).read_text())


def cases(name: str) -> list[Any]:
    """The cases of a table, as parameters of a test."""
    return [pytest.param(case, id=case["what"]) for case in load(name)]


def changed(case: Manifest) -> Manifest:
    """smallest.yaml with the changes of a case."""
    changes = {part: case[part] for part in ("metadata", "spec") if part in case}
    manifest: Manifest = merge(load("smallest.yaml"), changes)
    return manifest
