"""Images of Python programs, built with buildah and cached as OCI archives: the operator and the example models.

All stand on one Python base image, and all versions of the example on one image with their locked dependencies, so a
version adds a layer of some kilobytes. Nothing is pulled: packages come from Debian's mirror and the package index.
"""

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from .errors import LocalClusterError
from .locks import file_lock
from .paths import cache_directory
from .pip_settings import PipSettings
from .progress import Progress
from .tools import program_path

REPOSITORY = Path(__file__).resolve().parents[2]
EXAMPLE = REPOSITORY / "examples" / "digits"
EXAMPLE_VERSIONS = ("v1", "v2", "v3", "v4", "v5", "majority")

_DEBIAN_SUITE = "bookworm"
_DEBIAN_OPTIONS = (
    "--variant=essential",
    "--include=libstdc++6,python3,python3-pip",
    # Without it the essential packages bring usrmerge, and with it all of Perl.
    "--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr",
    *(f"--dpkgopt=path-exclude=/usr/share/{folder}/*" for folder in ("doc", "locale", "man")),
)
_KEPT_ARCHIVES = 3
_PYTHON_CONTAINERFILE = 'FROM scratch\nADD root.tar /\nENV LANG=C.UTF-8\nCMD ["python3"]\n'


@dataclass(frozen=True)
class ImageArchive:
    """An image in an OCI archive. One archive may hold several images that share layers."""

    name: str
    path: Path
    digest: str
    """Of the image's manifest, as in `NAME@sha256:...`."""


def operator_image(progress: Progress | None = None) -> ImageArchive:
    """The operator as `localhost/modelrollout:VERSION`, built from /Dockerfile unless the cache has it.

    Needs root. Raises LocalClusterError when a tool is missing or a step fails.
    """
    progress = progress or Progress()
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    name = f"localhost/modelrollout:{project['version']}"
    sources = [REPOSITORY / file for file in ("Dockerfile", "pyproject.toml", "requirements/operator.txt")]
    code = sorted(path for tree in ("operator", "packages/contract") for path in (REPOSITORY / tree).rglob("*.py"))
    archive = _archive_path("operator", [*sources, *code])
    with _lock():
        if not archive.exists():
            python = _python_image(progress)
            with _Builder.open("operator") as builder, progress.stage("build the operator's image"):
                builder.build(REPOSITORY / "Dockerfile", name, PYTHON_IMAGE=python)
                builder.save([name], archive)
    return _images_in(archive)[name]


def example_images(progress: Progress | None = None) -> dict[str, ImageArchive]:
    """The example models by version, as `localhost/digits:VERSION`, trained and built unless the cache has them.

    They share one archive, which has each shared layer once. Needs root, and BentoML and scikit-learn in this
    interpreter. Raises LocalClusterError when a tool is missing or a step fails.
    """
    progress = progress or Progress()
    names = {version: f"localhost/digits:{version}" for version in EXAMPLE_VERSIONS}
    # Not the manifests for Kubernetes that lie beside them.
    files = (path for pattern in ("*.py", "*Dockerfile*", "bentofile.yaml") for path in EXAMPLE.glob(pattern))
    sources = [REPOSITORY / "requirements/examples.txt", *sorted(files)]
    archive = _archive_path("digits", sources)
    with _lock():
        if not archive.exists():
            _bentoml_image(progress)
            with _Builder.open("digits") as builder:
                _build_bentos(builder, names, progress)
                with progress.stage("save the example images"):
                    builder.save(names.values(), archive)
    images = _images_in(archive)
    return {version: images[name] for version, name in names.items()}


def _python_image(progress: Progress) -> str:
    """Debian's Python and pip without apt; what `python:3.11-slim` is to a machine that can pull."""
    name = _python_image_name()
    with _Builder.open("python") as builder:
        if builder.has(name):
            return name
        with progress.stage("build the Python base image"):
            root = builder.scratch / "root.tar"
            mirror = os.environ.get("MODELROLLOUT_DEBIAN_MIRROR")
            builder.run(
                [program_path("mmdebstrap"), *_DEBIAN_OPTIONS, _DEBIAN_SUITE, root, *([mirror] if mirror else [])]
            )
            containerfile = builder.scratch / "Containerfile"
            containerfile.write_text(_PYTHON_CONTAINERFILE)
            builder.buildah("build", f"--file={containerfile}", f"--tag={name}", builder.scratch)
    return name


def _bentoml_image(progress: Progress) -> None:
    """BentoML and scikit-learn on the Python image, under the name that bentofile.yaml gives as its base."""
    python = _python_image(progress)
    with _Builder.open("bentoml") as builder, progress.stage("build the BentoML base image"):
        builder.build(EXAMPLE / "base.Dockerfile", "localhost/modelrollout-bentoml:latest", PYTHON_IMAGE=python)


def _build_bentos(builder: "_Builder", names: Mapping[str, str], progress: Progress) -> None:
    bentoml = [sys.executable, "-m", "bentoml"]
    with progress.stage("train the example models"):
        builder.run([sys.executable, EXAMPLE / "train.py", *names])
    for version, name in names.items():
        with progress.stage(f"build the image {name}"):
            builder.run([*bentoml, "build", f"--version={version}", f"--arg=version={version}"], EXAMPLE)
            builder.run([*bentoml, "containerize", f"digits:{version}", "--backend=buildah", "-t", name])


@dataclass(frozen=True)
class _Builder:
    """Runs the steps of one build: a scratch folder, a log and an image store apart from the user's."""

    scratch: Path
    log: Path
    environment: Mapping[str, str]

    @classmethod
    @contextmanager
    def open(cls, name: str) -> Iterator["_Builder"]:
        if os.geteuid() != 0:
            raise LocalClusterError("Building images needs root.")
        store = cache_directory() / "containers"
        log = cache_directory() / "logs" / f"image-{name}.log"
        for folder in (store, log.parent):
            folder.mkdir(parents=True, exist_ok=True)
        log.write_text("")
        configuration = store / "storage.conf"
        configuration.write_text(
            f'[storage]\ndriver = "overlay"\ngraphroot = "{store}/root"\nrunroot = "{store}/run"\n'
        )
        # Not in the cache: BentoML refuses a Dockerfile template in a hidden folder or outside the working directory.
        with tempfile.TemporaryDirectory(prefix="modelrollout-image-") as scratch:
            environment = {
                **os.environ,
                "BENTOML_DO_NOT_TRACK": "True",
                "BENTOML_HOME": f"{scratch}/bentoml",
                "BUILDAH_ISOLATION": "chroot",
                "CONTAINERS_STORAGE_CONF": str(configuration),
                "TMPDIR": scratch,
            }
            yield cls(Path(scratch), log, environment)

    def run(self, command: Sequence[str | Path], folder: Path | None = None) -> None:
        with self.log.open("a") as log:
            result = subprocess.run(
                command, cwd=folder or self.scratch, env=self.environment, stdout=log, stderr=log, check=False
            )
        if result.returncode:
            tail = "\n".join(self.log.read_text(errors="replace").splitlines()[-10:])
            raise LocalClusterError(f"{command[0]} failed; the end of {self.log} says:\n{tail}")

    def buildah(self, *arguments: str | Path) -> None:
        self.run([program_path("buildah"), *arguments])

    def build(self, recipe: Path, name: str, **arguments: str) -> None:
        """Build a Dockerfile, which finds pip's settings as secrets so that no layer has them."""
        self.buildah(
            "build",
            "--layers",
            f"--file={recipe}",
            f"--tag={name}",
            *(f"--build-arg={key}={value}" for key, value in arguments.items()),
            *(f"--secret={secret}" for secret in PipSettings.of_this_machine().as_secrets(self.scratch)),
            REPOSITORY,
        )

    def has(self, name: str) -> bool:
        listing = subprocess.run(
            [program_path("buildah"), "images", "--quiet", name],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        return listing.returncode == 0

    def save(self, names: Iterable[str], archive: Path) -> None:
        """Copy images from the store to one archive. The store keeps their layers for the next build, and no others."""
        layout = self.scratch / "layout"
        for name in names:
            # A third of the time that the default (gzip) takes, at the same size.
            self.buildah("push", "--compression-format=zstd", "--compression-level=1", name, f"oci:{layout}:{name}")
        archive.parent.mkdir(parents=True, exist_ok=True)
        unfinished = archive.with_suffix(".unfinished")
        with tarfile.open(unfinished, "w") as tar:
            for member in ("index.json", "oci-layout", "blobs"):
                tar.add(layout / member, member)
        unfinished.replace(archive)
        self.buildah("rmi", "--prune")
        # Every edit makes an archive; a few let branches be switched without building again.
        siblings = archive.parent.glob(f"{archive.name.partition('-')[0]}-*.oci.tar")
        for old in sorted(siblings, key=lambda path: path.stat().st_mtime)[:-_KEPT_ARCHIVES]:
            old.unlink()


def _lock() -> AbstractContextManager[None]:
    return file_lock(cache_directory() / "locks" / "python-images")


def _archive_path(name: str, sources: Iterable[Path]) -> Path:
    parts = [_python_image_name()]
    for source in sources:
        parts += [str(source.relative_to(REPOSITORY)), source.read_text()]
    return cache_directory() / "images" / f"{name}-{_digest(*parts)}.oci.tar"


def _python_image_name() -> str:
    return f"localhost/modelrollout-python:{_digest(_DEBIAN_SUITE, *_DEBIAN_OPTIONS, _PYTHON_CONTAINERFILE)}"


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]


def _images_in(archive: Path) -> dict[str, ImageArchive]:
    with tarfile.open(archive) as tar:
        index = tar.extractfile("index.json")
        assert index is not None
        manifests = json.load(index)["manifests"]
    images = (
        ImageArchive(entry["annotations"]["org.opencontainers.image.ref.name"], archive, entry["digest"])
        for entry in manifests
    )
    return {image.name: image for image in images}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("operator", "examples"))
    what = parser.parse_args().what
    progress = Progress()
    try:
        images = [operator_image(progress)] if what == "operator" else example_images(progress).values()
    except LocalClusterError as error:
        sys.exit(f"{parser.prog}: {error}")
    for image in images:
        print(image.name, image.digest, image.path)


if __name__ == "__main__":
    main()
