"""The command line: `modelrollout-outcomes`."""

import sys

from modelrollout_outcomes.commands import COMMANDS
from modelrollout_outcomes.errors import OutcomesError

PROGRAM = "modelrollout-outcomes"


def main() -> None:
    """Run one command; an OutcomesError becomes one line on stderr and exit code 1."""
    name, *arguments = sys.argv[1:] or ["--help"]
    if name not in COMMANDS:
        lines = [f"  {each:8} {command.summary}" for each, command in COMMANDS.items()]
        print(
            f"usage: {PROGRAM} COMMAND [--help]", *lines, sep="\n", file=sys.stdout if name == "--help" else sys.stderr
        )
        sys.exit(0 if name in ("-h", "--help") else 2)
    try:
        COMMANDS[name].run(f"{PROGRAM} {name}", arguments)
    except OutcomesError as error:
        print(f"{PROGRAM}: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
