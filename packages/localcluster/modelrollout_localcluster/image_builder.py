"""Builds images from Dockerfiles with buildah, in a store of their own, and keeps them as OCI archives.

Nothing is pulled: what stands for `python:3.11-slim` comes from Debian's mirror, packages from the package index. The
same sources make the same digest: every file and every image is dated `SOURCE_DATE_EPOCH`, which is 0 unless set.
"""

import json
import os
import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from .debian_images import DEBIAN_SUITE, PYTHON, DebianImage, digest_of
from .errors import LocalClusterError
from .locks import file_lock
from .paths import cache_directory
from .pip_settings import PipSettings
from .progress import Progress
from .tools import program_path

_KEPT_ARCHIVES = 3


@dataclass(frozen=True)
class ImageArchive:
    """An image in an OCI archive. One archive may hold several images that share layers."""

    name: str
    path: Path
    digest: str
    """Of the image's manifest, as in `NAME@sha256:...`."""


def cached_images(
    name: str, sources: Sequence[Path], root: Path, build: Callable[[Path], None]
) -> dict[str, ImageArchive]:
    """The images in the archive that `build` makes of some files, by name, unless the cache has it.

    sources: what the images are made of, below `root`: a change of any makes them anew. build: writes the archive.
    """
    archive = cache_directory() / "images" / f"{name}-{_digest_of(sources, root)}.oci.tar"
    with file_lock(cache_directory() / "locks" / f"images-{name}"):
        if not archive.exists():
            build(archive)
            _remove_old(archive)
    return images_in(archive)


def images_in(archive: Path) -> dict[str, ImageArchive]:
    """The images of an OCI archive, by name."""
    with tarfile.open(archive) as tar:
        index = tar.extractfile("index.json")
        assert index is not None
        manifests = json.load(index)["manifests"]
    images = (
        ImageArchive(entry["annotations"]["org.opencontainers.image.ref.name"], archive, entry["digest"])
        for entry in manifests
    )
    return {image.name: image for image in images}


def python_image(progress: Progress) -> str:
    """Name, in the store, of the image `PYTHON`. Raises as `debian_image`."""
    return debian_image(PYTHON, progress)


def debian_image(image: DebianImage, progress: Progress) -> str:
    """Name, in the store, of an image of Debian's packages, made unless the store has it.

    Needs root. Raises LocalClusterError when a tool is missing or a step fails.
    """
    name = image.reference
    with file_lock(cache_directory() / "locks" / f"image-{image.name}"), ImageBuilder.open(image.name) as builder:
        if not builder.has(name):
            with progress.stage(f"build the base image {image.name}"):
                _bootstrap(builder, image)
    return name


def _bootstrap(builder: "ImageBuilder", image: DebianImage) -> None:
    root = builder.scratch / "root.tar"
    mirror = os.environ.get("MODELROLLOUT_DEBIAN_MIRROR")
    builder.run([program_path("mmdebstrap"), *image.options, DEBIAN_SUITE, root, *([mirror] if mirror else [])])
    containerfile = builder.scratch / "Containerfile"
    containerfile.write_text(image.containerfile)
    builder.buildah("build", _timestamp(), f"--file={containerfile}", f"--tag={image.reference}", builder.scratch)


@dataclass(frozen=True)
class ImageBuilder:
    """Runs the steps of one build: a scratch folder, a log and an image store apart from the user's."""

    scratch: Path
    log: Path
    environment: Mapping[str, str]

    @classmethod
    @contextmanager
    def open(cls, name: str, store: Path | None = None) -> Iterator["ImageBuilder"]:
        """Begin a build; its scratch folder goes when `with` ends.

        store: folder of the images; None for the one in the cache, which all builds share.
        """
        if os.geteuid() != 0:
            raise LocalClusterError("Building images needs root.")
        store = store or cache_directory() / "containers"
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
                "SOURCE_DATE_EPOCH": source_date_epoch(),
                "TMPDIR": scratch,
            }
            yield cls(Path(scratch), log, environment)

    def run(self, command: Sequence[str | Path], folder: Path | None = None) -> None:
        """Run a program. Raises LocalClusterError with the end of the log when it fails."""
        with self.log.open("a") as log:
            result = subprocess.run(
                command, cwd=folder or self.scratch, env=self.environment, stdout=log, stderr=log, check=False
            )
        if result.returncode:
            tail = "\n".join(self.log.read_text(errors="replace").splitlines()[-10:])
            raise LocalClusterError(f"{command[0]} failed; the end of {self.log} says:\n{tail}")

    def buildah(self, *arguments: str | Path) -> None:
        """Run buildah on this build's store."""
        self.run([program_path("buildah"), *arguments])

    def build(self, recipe: Path, name: str, context: Path, *, cached: bool = True, **arguments: str) -> None:
        """Build a Dockerfile, which finds pip's settings as secrets so that no layer has them.

        cached: whether layers of earlier builds may serve. arguments: of the Dockerfile.
        """
        self.buildah(
            "build",
            "--layers" if cached else "--no-cache",
            _timestamp(),
            f"--file={recipe}",
            f"--tag={name}",
            *(f"--build-arg={key}={value}" for key, value in arguments.items()),
            *(f"--secret={secret}" for secret in PipSettings.of_this_machine().as_secrets(self.scratch)),
            context,
        )

    def has(self, name: str) -> bool:
        """Whether the store has an image."""
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
        # What a build beside this one is using stays, which buildah calls an error; the next one takes it.
        with suppress(LocalClusterError):
            self.buildah("rmi", "--prune")


def source_date_epoch() -> str:
    """The date of everything in an image, in seconds; see reproducible-builds.org/specs/source-date-epoch."""
    return os.environ.get("SOURCE_DATE_EPOCH", "0")


def _timestamp() -> str:
    return f"--timestamp={source_date_epoch()}"


def _remove_old(archive: Path) -> None:
    """Every edit makes an archive; a few let branches be switched without building again."""
    siblings = archive.parent.glob(f"{archive.name.partition('-')[0]}-*.oci.tar")
    for old in sorted(siblings, key=lambda path: path.stat().st_mtime)[:-_KEPT_ARCHIVES]:
        old.unlink()


def _digest_of(sources: Sequence[Path], root: Path) -> str:
    parts = [PYTHON.reference, source_date_epoch()]
    for source in sources:
        parts += [str(source.relative_to(root)), source.read_text()]
    return digest_of(*parts)
