"""The command line: `modelrollout-testkit images operator` builds images of the checkout that one is in."""

import argparse
import sys

from modelrollout_localcluster import LocalClusterError, Progress
from modelrollout_testkit.checkout import Checkout
from modelrollout_testkit.errors import TestkitError
from modelrollout_testkit.images import example_images, operator_image


def main() -> None:
    """Print name, digest and archive of each image; an error becomes one line on stderr and exit code 1."""
    parser = argparse.ArgumentParser(prog="modelrollout-testkit", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    images = commands.add_parser("images", help="build images, or find them in the cache; prints NAME DIGEST ARCHIVE")
    images.add_argument("what", choices=("operator", "examples", "all"))
    what = parser.parse_args().what
    progress = Progress()
    try:
        checkout = Checkout.here()
        found = [operator_image(checkout, progress)] if what != "examples" else []
        if what != "operator":
            found += example_images(checkout, progress).values()
    except (LocalClusterError, TestkitError) as error:
        sys.exit(f"{parser.prog}: {error}")
    for image in found:
        print(image.name, image.digest, image.path)


if __name__ == "__main__":
    main()
