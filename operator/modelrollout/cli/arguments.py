"""Arguments that several commands take, and the types of their values."""

import argparse
import os
import sys
from collections.abc import Callable
from dataclasses import is_dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NoReturn, Protocol, TypeVar, get_type_hints

from modelrollout.api.units import Duration, Percent, PositiveDuration
from modelrollout.cli.console import ExitCode

T = TypeVar("T")


class Parser(argparse.ArgumentParser):
    """An argument parser whose complaints have an exit code of their own: 2 says that a rollout was rolled back."""

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(ExitCode.USAGE, f"{self.prog}: error: {message}\n")


class Commands(Protocol):
    """What commands are added to; argparse has no public name for it."""

    def add_parser(self, name: str, **options: Any) -> argparse.ArgumentParser: ...


def program() -> str:
    """How the user calls this program; kubectl runs its plugins under a name of its own."""
    name = os.path.basename(sys.argv[0])
    return "kubectl modelrollout" if name.startswith("kubectl") else "modelrollout"


def add_output(parser: argparse.ArgumentParser) -> None:
    """The option that asks for JSON."""
    parser.add_argument("-o", "--output", choices=["text", "json"], default="text", help="format (%(default)s)")


def add_scrape_interval(parser: argparse.ArgumentParser) -> None:
    """The setting of the operator without which scrape windows have no length."""
    parser.add_argument(
        "--scrape-interval",
        type=seconds,
        default=15.0,
        metavar="DURATION",
        help="between two scrapes of a pod, as the operator has it (15s)",
    )


def typed(parse: Callable[[str], T]) -> Callable[[str], T]:
    """`parse` as a type of argparse, which shows to the user what a ValueError says."""

    def parse_argument(text: str) -> T:
        try:
            return parse(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    return parse_argument


def _seconds(text: str) -> float:
    return PositiveDuration(text).seconds


def _share(text: str) -> float:
    return Percent(text).fraction


def _rate(text: str) -> float:
    try:
        rate = float(text)
    except ValueError:
        rate = 0.0
    if not 0 < rate < float("inf"):
        raise ValueError("must be a number above 0")
    return rate


def _moment(text: str) -> datetime:
    if text == "now":
        return datetime.now(UTC)
    try:
        return datetime.now(UTC) - timedelta(seconds=Duration(text).seconds)
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = datetime.min
    if moment.tzinfo is None:
        raise ValueError("must be a time with a zone like 2026-11-24T15:00:00Z, or how long ago it was, like 2h")
    return moment.astimezone(UTC)


seconds = typed(_seconds)
"""A duration like `10m`, in seconds."""
share = typed(_share)
"""A percentage like `0.5%`, as a fraction."""
rate = typed(_rate)
"""A positive number."""
moment = typed(_moment)
"""A time like `2026-11-24T15:00:00Z`, a duration for how long ago it was, or `now`."""


def existing_file(text: str) -> Path:
    """The path of a file that can be opened, `-` for standard input."""
    path = Path("/dev/stdin" if text == "-" else text)
    try:
        path.open().close()
    except OSError as error:
        raise argparse.ArgumentTypeError(f"{text}: {error.strerror}") from error
    return path


def read(wanted: type[T], options: argparse.Namespace) -> T:
    """Options as a dataclass: each field from the option of its name, a field that is a dataclass itself likewise."""
    values: dict[str, Any] = {}
    for name, type_ in get_type_hints(wanted).items():
        nested = isinstance(type_, type) and is_dataclass(type_)
        values[name] = read(type_, options) if nested else getattr(options, name)
    return wanted(**values)


def add_command(
    commands: Commands, name: str, run: Callable[[argparse.Namespace], int], summary: str, **options: Any
) -> argparse.ArgumentParser:
    """A command that `run` carries out; it returns the exit code. summary: one line for --help."""
    parser = commands.add_parser(name, help=summary, description=summary, **options)
    parser.set_defaults(run=run)
    return parser
