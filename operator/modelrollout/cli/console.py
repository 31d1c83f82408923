"""What all commands have in common: exit codes, the way to give up, tables and JSON on standard output."""

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from enum import IntEnum
from io import TextIOBase
from typing import Any, TextIO

from modelrollout.api.text import plain, printable
from modelrollout.offline.ending import Ending


class ExitCode(IntEnum):
    """Exit codes, of every command the same. docs/cli.md lists them."""

    OK = 0
    FAILED = 1
    ROLLED_BACK = 2
    UNDECIDED = 3
    USAGE = 64

    @classmethod
    def of(cls, ending: Ending) -> "ExitCode":
        """What a command returns that finds this ending."""
        return {Ending.PROMOTED: cls.OK, Ending.ROLLED_BACK: cls.ROLLED_BACK, Ending.UNDECIDED: cls.UNDECIDED}[ending]


class CommandFailed(Exception):
    """A command cannot do what it was asked to; the text says why, for a person."""


class PrintableOutput(TextIOBase):
    """A stream that lets nothing through that a terminal would act upon, whoever wrote what a command prints."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        self._stream.write(printable(text))
        return len(text)

    def flush(self) -> None:
        self._stream.flush()

    def fileno(self) -> int:
        return self._stream.fileno()

    def isatty(self) -> bool:
        return self._stream.isatty()


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Columns as wide as they need to be, two spaces apart. None and empty cells become a dash."""
    cells = [list(header), *([_cell(value) for value in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in cells)
    return "\n".join(line.rstrip() for line in lines)


def fields(pairs: Iterable[tuple[str, object]], indent: str = "") -> str:
    """Names and values below each other; pairs without a value are left out."""
    present = [(name, plain(str(value))) for name, value in pairs if value not in (None, "")]
    width = max((len(name) for name, _ in present), default=0)
    return "\n".join(f"{indent}{name.ljust(width)}  {value}" for name, value in present)


def print_json(value: Any) -> None:
    """Print a JSON value for people and programs."""
    print(json.dumps(value, indent=2, ensure_ascii=False))


def timestamp(moment: datetime) -> str:
    """A moment as manifests have it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _cell(value: object) -> str:
    return "-" if value is None or value == "" else plain(str(value))
