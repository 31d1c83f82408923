"""Figures and tables in the words of markdown."""

from collections.abc import Iterable, Sequence
from typing import Any


def rate(row: dict[str, Any], error: str) -> str:
    """How often an error was made, with its confidence interval."""
    return f"{row[error]:.2%} ({row[f'{error}_low']:.2%} .. {row[f'{error}_high']:.2%})"


def percent(share: float | None) -> str:
    return "" if share is None else f"{share:.1%}"


def seconds(time: float | None) -> str:
    return "" if time is None else f"{time:.0f} s"


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A markdown table."""
    lines = ["| " + " | ".join(head) + " |", "| " + " | ".join("---" for _ in head) + " |"]
    lines += ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"
