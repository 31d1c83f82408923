"""The images of a checkout: the operator, and the versions of the example model.

All stand on one Python base image, and all versions of the example on one image with their locked dependencies, so a
version adds a layer of some kilobytes.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from modelrollout_localcluster import Progress
from modelrollout_localcluster.debian_images import POSTGRESQL
from modelrollout_localcluster.image_builder import (
    ImageArchive,
    ImageBuilder,
    cached_images,
    debian_image,
    python_image,
)
from modelrollout_testkit.checkout import Checkout
from modelrollout_testkit.errors import TestkitError

EXAMPLE_VERSIONS = ("v1", "v2", "v3", "v4", "v5", "majority")


def operator_image(checkout: Checkout, progress: Progress | None = None) -> ImageArchive:
    """The operator as `localhost/modelrollout:VERSION`, built from /Dockerfile unless the cache has it.

    Needs root. Raises LocalClusterError when a tool is missing or a step fails.
    """
    name = f"localhost/modelrollout:{checkout.operator_version}"
    return _built(checkout, "operator", name, Path("Dockerfile"), checkout.operator_sources(), progress or Progress())


def outcomes_image(checkout: Checkout, progress: Progress | None = None) -> ImageArchive:
    """The outcomes service as `localhost/modelrollout-outcomes:VERSION`, likewise."""
    name = f"localhost/modelrollout-outcomes:{checkout.outcomes_version}"
    recipe = Path("packages/outcomes/Dockerfile")
    return _built(checkout, "outcomes", name, recipe, checkout.outcomes_sources(), progress or Progress())


def example_images(checkout: Checkout, progress: Progress | None = None) -> dict[str, ImageArchive]:
    """The example models by version, as `localhost/digits:VERSION`, trained and built unless the cache has them.

    They share one archive, which has each shared layer once. Needs root, and BentoML and scikit-learn in this
    interpreter. Raises LocalClusterError when a tool is missing or a step fails.
    """
    progress = progress or Progress()
    names = {version: f"localhost/digits:{version}" for version in EXAMPLE_VERSIONS}

    def build(archive: Path) -> None:
        python = python_image(progress)
        with ImageBuilder.open("bentoml") as builder, progress.stage("build the BentoML base image"):
            recipe = checkout.example / "base.Dockerfile"
            builder.build(recipe, "localhost/modelrollout-bentoml:latest", checkout.root, PYTHON_IMAGE=python)
        with ImageBuilder.open("digits") as builder:
            _build_bentos(builder, checkout.example, names, progress)
            with progress.stage("save the example images"):
                builder.save(names.values(), archive)

    images = cached_images("digits", checkout.example_sources(), checkout.root, build)
    return {version: images[name] for version, name in names.items()}


def postgresql_image(progress: Progress | None = None) -> ImageArchive:
    """Debian's PostgreSQL, made unless the cache has it. Needs root. Raises as `operator_image`."""
    progress = progress or Progress()
    name = POSTGRESQL.reference

    def build(archive: Path) -> None:
        made = debian_image(POSTGRESQL, progress)
        with ImageBuilder.open(POSTGRESQL.name) as builder, progress.stage("save the image of PostgreSQL"):
            builder.save([made], archive)

    return cached_images(f"postgresql-{name.rpartition(':')[2]}", [], Path(), build)[name]


@contextmanager
def images_built_beside(checkout: Checkout, progress: Progress) -> Iterator[None]:
    """Have the images built while the body runs, and wait for them at its end: they mostly wait for downloads.

    Raises TestkitError when that fails.
    """
    command = [sys.executable, "-m", "modelrollout_testkit.main", "images", "all"]
    # A session of its own, so that an interruption ends it with all its children.
    with subprocess.Popen(command, cwd=checkout.root, stdout=subprocess.DEVNULL, start_new_session=True) as process:
        try:
            yield
            with progress.stage("wait for the images of the operator and the models"):
                process.wait()
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGTERM)
    if process.returncode:
        raise TestkitError("the images could not be built; what is printed above says why.")


def _built(
    checkout: Checkout, program: str, name: str, recipe: Path, sources: Sequence[Path], progress: Progress
) -> ImageArchive:
    """An image of one program of the checkout, from the cache unless its sources have changed."""

    def build(archive: Path) -> None:
        python = python_image(progress)
        with ImageBuilder.open(program) as builder, progress.stage(f"build the image {name}"):
            builder.build(checkout.root / recipe, name, checkout.root, PYTHON_IMAGE=python)
            builder.save([name], archive)

    return cached_images(program, sources, checkout.root, build)[name]


def _build_bentos(builder: ImageBuilder, example: Path, names: Mapping[str, str], progress: Progress) -> None:
    bentoml = [sys.executable, "-m", "bentoml"]
    with progress.stage("train the example models"):
        builder.run([sys.executable, example / "train.py", *names])
    for version, name in names.items():
        with progress.stage(f"build the image {name}"):
            builder.run([*bentoml, "build", f"--version={version}", f"--arg=version={version}"], example)
            builder.run([*bentoml, "containerize", f"digits:{version}", "--backend=buildah", "-t", name])
