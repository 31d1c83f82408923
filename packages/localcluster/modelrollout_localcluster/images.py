"""Images of the addons, made from the programs built here: nothing is pulled."""

import hashlib
import json
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .builds import CONTOUR, COREDNS, PROMETHEUS, Program
from .errors import LocalClusterError
from .locks import file_lock
from .paths import cache_directory
from .progress import Progress
from .tools import program_path

UNPRIVILEGED_USER = 65534


@dataclass(frozen=True)
class AddonImage:
    """An image `localhost/modelrollout/NAME:VERSION` whose file system has one program and what it links to."""

    name: str
    version: str
    source: Callable[[], Path]
    entrypoint: tuple[str, ...]
    origin: str = ""
    """Names what the program was built from, so that a new build makes a new image."""
    shared_libraries: bool = False

    @property
    def reference(self) -> str:
        return f"localhost/modelrollout/{self.name}:{self.version}"

    @property
    def archive(self) -> Path:
        """The OCI archive in the cache."""
        digest = hashlib.sha256(repr((self.origin, self.entrypoint)).encode()).hexdigest()[:12]
        return cache_directory() / "images" / f"{self.name}-{self.version}-{digest}.oci.tar"

    def build(self) -> None:
        with tempfile.TemporaryDirectory(dir=cache_directory(), prefix="image-") as scratch:
            folder = Path(scratch)
            root = folder / "root"
            program = self.source()
            _copy(program, root / self.entrypoint[0].lstrip("/"))
            if self.shared_libraries:
                for library in _linked_libraries(program):
                    _copy(library, root / str(library).lstrip("/"))
            containerfile = folder / "Containerfile"
            containerfile.write_text(
                f"FROM scratch\nCOPY root /\nUSER {UNPRIVILEGED_USER}\nENTRYPOINT {json.dumps(self.entrypoint)}\n"
            )
            # A store of its own, so that the user's images stay as they are and nothing is left behind.
            store = [f"--root={folder}/store", f"--runroot={folder}/run", "--storage-driver=vfs"]
            _buildah(*store, "build", "--timestamp=0", f"--file={containerfile}", f"--tag={self.reference}", folder)
            unfinished = folder / "image.oci.tar"
            target = f"oci-archive:{unfinished}:{self.reference}"
            _buildah(*store, "push", "--disable-compression", self.reference, target)
            self.archive.parent.mkdir(parents=True, exist_ok=True)
            unfinished.replace(self.archive)


def _of(program: Program) -> AddonImage:
    return AddonImage(
        name=program.name,
        version=program.version,
        source=lambda: program.path,
        entrypoint=(f"/bin/{program.name}",),
        origin=program.component.output.name,
    )


PAUSE = AddonImage("pause", "1", lambda: program_path("busybox"), ("/bin/busybox", "sleep", "2147483647"))
ENVOY = AddonImage("envoy", "1.40.0", lambda: program_path("envoy"), ("/bin/envoy",), shared_libraries=True)
ADDON_IMAGES = (
    PAUSE,
    _of(COREDNS),
    _of(CONTOUR),
    ENVOY,
    _of(PROMETHEUS),
)


def build_all(progress: Progress) -> None:
    """Make the archives that the cache lacks; needs root and the programs of the addons."""
    if all(image.archive.exists() for image in ADDON_IMAGES):
        return
    with file_lock(cache_directory() / "locks" / "images"):
        missing = [image for image in ADDON_IMAGES if not image.archive.exists()]
        for number, image in enumerate(missing, start=1):
            with progress.stage(f"[{number}/{len(missing)}] make image {image.name} {image.version}"):
                image.build()


def _linked_libraries(program: Path) -> list[Path]:
    listing = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
    return [Path(path) for path in re.findall(r"(/\S+) \(0x", listing)]


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(source, target)


def _buildah(*arguments: str | Path) -> None:
    result = subprocess.run([program_path("buildah"), *arguments], capture_output=True, text=True, check=False)
    if result.returncode:
        raise LocalClusterError(f"buildah failed: {result.stderr.strip()}")
