"""The command line of modules that generate a committed file."""

import sys
from argparse import ArgumentParser
from collections.abc import Callable
from difflib import unified_diff
from pathlib import Path


def main(path: str, render: Callable[[], str], description: str, arguments: list[str] | None = None) -> int:
    """Write what `render` gives to the file, or compare it with the file. Returns the exit code.

    path: where the file is by default, seen from the root of the repository.
    arguments: those of the process if None.
    """
    parser = ArgumentParser(description=description)
    parser.add_argument("file", nargs="?", type=Path, default=Path(path), help="default: %(default)s; - prints it")
    parser.add_argument("--check", action="store_true", help="write nothing; fail if the file is not up to date")
    options = parser.parse_args(arguments)
    wanted = render()
    if options.file == Path("-"):
        sys.stdout.write(wanted)
    elif options.check:
        found = options.file.read_text() if options.file.exists() else ""
        sys.stdout.writelines(
            unified_diff(found.splitlines(True), wanted.splitlines(True), str(options.file), "generated")
        )
        return int(found != wanted)
    else:
        options.file.write_text(wanted)
    return 0
