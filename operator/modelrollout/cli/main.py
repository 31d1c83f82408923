"""The console script `modelrollout`, and the kubectl plugin of the same name."""

import os
import sys
from argparse import Namespace
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from importlib.metadata import version

from modelrollout.cli import commands, follow, lint, plan, replay, revisions, show
from modelrollout.cli.arguments import Parser, program
from modelrollout.cli.console import CommandFailed, ExitCode, PrintableOutput
from modelrollout.offline.errors import OfflineError


def main(arguments: Sequence[str] | None = None) -> int:
    """Carry out one command, by default that of this process, and return the exit code."""
    options = build_parser().parse_args(arguments)
    with redirect_stdout(PrintableOutput(sys.stdout)), redirect_stderr(PrintableOutput(sys.stderr)):
        return _run(options)


def _run(options: Namespace) -> int:
    try:
        code: int = options.run(options)
        sys.stdout.flush()
    except (CommandFailed, OfflineError) as error:
        print(f"error: {error}", file=sys.stderr)
        return ExitCode.FAILED
    except KeyboardInterrupt:
        return 128 + 2
    except BrokenPipeError:
        # Whoever read the output has seen enough; Python must not try to flush the rest at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.OK
    return code


def build_parser() -> Parser:
    parser = Parser(
        prog=program(),
        description="Look at rollouts of models and steer them; check, plan and replay them offline.",
        epilog="exit codes: 0 done or promoted, 1 failed, 2 rolled back, 3 not decided in time, 64 wrong usage",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {version('modelrollout')}")
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for module in (show, follow, commands, revisions, lint, plan, replay):
        module.add_parser(subparsers)
    return parser
