"""The operator's image as it is published: built twice and compared, with a list of what is in it."""

import shutil
import subprocess
import sys
from pathlib import Path

from modelrollout_localcluster import Progress
from modelrollout_localcluster.image_builder import ImageArchive, ImageBuilder, images_in, python_image
from modelrollout_testkit.checkout import Checkout
from modelrollout_testkit.errors import TestkitError


def release(checkout: Checkout, output: Path, progress: Progress) -> ImageArchive:
    """Write the image and its SBOM (CycloneDX, JSON) to a folder.

    Needs root. Raises TestkitError if a second build, without any cache, gives another digest, and LocalClusterError
    when a tool is missing or a step fails.
    """
    version = checkout.operator_version
    name = f"localhost/modelrollout:{version}"
    output.mkdir(parents=True, exist_ok=True)
    archives = [output / f"modelrollout-{version}{suffix}.oci.tar" for suffix in ("", ".again")]
    python = python_image(progress)
    for number, archive in enumerate(archives, start=1):
        with ImageBuilder.open("release") as builder, progress.stage(f"[{number}/2] build the operator's image"):
            builder.build(
                checkout.root / "Dockerfile",
                name,
                checkout.root,
                cached=False,
                PYTHON_IMAGE=python,
                VERSION=version,
                REVISION=checkout.revision,
            )
            builder.save([name], archive)
    first, second = (images_in(archive)[name] for archive in archives)
    archives[1].unlink()
    if first.digest != second.digest:
        raise TestkitError(f"two builds of the same sources differ: {first.digest} and {second.digest}")
    _write_bill_of_materials(checkout, output / f"modelrollout-{version}.cdx.json")
    return first


def _write_bill_of_materials(checkout: Checkout, path: Path) -> None:
    program = shutil.which("cyclonedx-py", path=str(Path(sys.executable).parent))
    if program is None:
        raise TestkitError("cyclonedx-py is missing; install it with: pip install cyclonedx-bom")
    project = f"--pyproject={checkout.root / 'pyproject.toml'}"
    requirements = checkout.root / "requirements/operator.txt"
    command: list[str | Path] = [
        program,
        "requirements",
        project,
        "--output-reproducible",
        f"--output-file={path}",
        requirements,
    ]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode:
        raise TestkitError(f"{program} failed: {result.stderr.strip()}")
