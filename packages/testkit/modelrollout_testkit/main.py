"""The command line: `modelrollout-testkit images operator` builds images of the checkout that one is in."""

import argparse
import sys
from pathlib import Path

from modelrollout_localcluster import LocalClusterError, Progress
from modelrollout_localcluster.image_builder import ImageArchive
from modelrollout_testkit.checkout import Checkout
from modelrollout_testkit.errors import TestkitError
from modelrollout_testkit.images import example_images, operator_image
from modelrollout_testkit.releases import release


def main() -> None:
    """Print name, digest and archive of each image; an error becomes one line on stderr and exit code 1."""
    parser = argparse.ArgumentParser(prog="modelrollout-testkit", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    images = commands.add_parser("images", help="build images, or find them in the cache; prints NAME DIGEST ARCHIVE")
    images.add_argument("what", choices=("operator", "examples", "all"))
    releasing = commands.add_parser("release", help="the operator's image, built twice and compared, and its SBOM")
    releasing.add_argument("--output", type=Path, default=Path("dist"), metavar="FOLDER")
    options = parser.parse_args()
    progress = Progress()
    try:
        checkout = Checkout.here()
        found = _built(checkout, options, progress)
    except (LocalClusterError, TestkitError) as error:
        sys.exit(f"{parser.prog}: {error}")
    for image in found:
        print(image.name, image.digest, image.path)


def _built(checkout: Checkout, options: argparse.Namespace, progress: Progress) -> list[ImageArchive]:
    if options.command == "release":
        return [release(checkout, options.output, progress)]
    found = [operator_image(checkout, progress)] if options.what != "examples" else []
    return found if options.what == "operator" else [*found, *example_images(checkout, progress).values()]


if __name__ == "__main__":
    main()
