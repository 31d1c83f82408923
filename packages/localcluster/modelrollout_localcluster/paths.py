"""Where builds are cached and where each cluster keeps its state."""

import os
from pathlib import Path

PACKAGE = Path(__file__).parent
COMPONENTS = PACKAGE / "components"
MANIFESTS = PACKAGE / "manifests"

_NAME = "modelrollout-localcluster"


def cache_directory() -> Path:
    """Builds, downloads and images; shared by all clusters. `MODELROLLOUT_CACHE` overrides it."""
    return _directory("MODELROLLOUT_CACHE", "XDG_CACHE_HOME", ".cache")


def state_root() -> Path:
    """One folder per cluster. `MODELROLLOUT_STATE` overrides it."""
    return _directory("MODELROLLOUT_STATE", "XDG_STATE_HOME", ".local/state")


def _directory(override: str, xdg: str, default: str) -> Path:
    if value := os.environ.get(override):
        return Path(value).absolute()
    base = os.environ.get(xdg)
    return (Path(base) if base else Path.home() / default) / _NAME
