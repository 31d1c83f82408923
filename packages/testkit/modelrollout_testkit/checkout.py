"""A checkout of the repository: where its chart, its example and the sources of its images are."""

import subprocess
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from modelrollout_testkit.errors import TestkitError

CHART = Path("charts/modelrollout")
EXAMPLE = Path("examples/digits")


@dataclass(frozen=True)
class Checkout:
    """root: the folder that `git clone` made."""

    root: Path

    @classmethod
    def here(cls) -> "Checkout":
        """The checkout that the working directory is in. Raises TestkitError if it is in none."""
        here = Path.cwd()
        for folder in (here, *here.parents):
            if (folder / CHART / "Chart.yaml").exists():
                return cls(folder)
        raise TestkitError(f"{here} is in no checkout of the repository, whose chart and example are needed.")

    @property
    def example(self) -> Path:
        """The folder of the example model."""
        return self.root / EXAMPLE

    @property
    def operator_version(self) -> str:
        """The version of the operator, which is the tag of its image."""
        return self._version("pyproject.toml")

    @property
    def outcomes_version(self) -> str:
        """The version of the outcomes service, which is the tag of its image."""
        return self._version("packages/outcomes/pyproject.toml")

    @property
    def revision(self) -> str:
        """The commit that is checked out."""
        head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=self.root, capture_output=True, text=True, check=False)
        return head.stdout.strip()

    def operator_sources(self) -> Sequence[Path]:
        """The files that the operator's image is made of."""
        requirements = (f"requirements/{name}.txt" for name in ("build", "operator"))
        named = [self.root / name for name in ("Dockerfile", "pyproject.toml", *requirements)]
        code = (path for tree in ("operator", "packages/contract") for path in (self.root / tree).rglob("*.py"))
        return [*named, *sorted(code)]

    def outcomes_sources(self) -> Sequence[Path]:
        """The files that the outcomes service's image is made of."""
        requirements = (self.root / f"requirements/{name}.txt" for name in ("build", "outcomes"))
        package = self.root / "packages/outcomes"
        code = (path for pattern in ("*.py", "*.mako") for path in package.rglob(pattern))
        return [*requirements, package / "Dockerfile", package / "pyproject.toml", *sorted(code)]

    def example_sources(self) -> Sequence[Path]:
        """The files that the example's images are made of; not the manifests for Kubernetes beside them."""
        requirements = (self.root / f"requirements/{name}.txt" for name in ("build", "examples"))
        files = (path for pattern in ("*.py", "*Dockerfile*", "bentofile.yaml") for path in self.example.glob(pattern))
        packages = (self.root / "packages" / name for name in ("contract", "serving"))
        code = (path for package in packages for pattern in ("*.py", "*.toml") for path in package.rglob(pattern))
        return [*requirements, *sorted([*files, *code])]

    def _version(self, project: str) -> str:
        version: str = tomllib.loads((self.root / project).read_text())["project"]["version"]
        return version
