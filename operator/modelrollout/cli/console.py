"""What all commands have in common: exit codes, the way to give up, tables and JSON on standard output."""

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from enum import IntEnum
from typing import Any


class ExitCode(IntEnum):
    """Exit codes, of every command the same. docs/cli.md lists them."""

    OK = 0
    FAILED = 1
    ROLLED_BACK = 2
    UNDECIDED = 3
    USAGE = 64


class CommandFailed(Exception):
    """A command cannot do what it was asked to; the text says why, for a person."""


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Columns as wide as they need to be, two spaces apart. None and empty cells become a dash."""
    cells = [list(header), *([_cell(value) for value in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in cells)
    return "\n".join(line.rstrip() for line in lines)


def fields(pairs: Iterable[tuple[str, object]], indent: str = "") -> str:
    """Names and values below each other; pairs without a value are left out."""
    present = [(name, str(value)) for name, value in pairs if value not in (None, "")]
    width = max((len(name) for name, _ in present), default=0)
    return "\n".join(f"{indent}{name.ljust(width)}  {value}" for name, value in present)


def print_json(value: Any) -> None:
    """Print a JSON value for people and programs."""
    print(json.dumps(value, indent=2, ensure_ascii=False))


def timestamp(moment: datetime) -> str:
    """A moment as manifests have it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _cell(value: object) -> str:
    return "-" if value is None or value == "" else str(value)
