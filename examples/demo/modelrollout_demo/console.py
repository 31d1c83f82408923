"""What the demo prints: the same lines on a terminal and in a log, in colour only on a terminal."""

import os
import shutil
import sys
import textwrap
import threading
import time
from collections.abc import Sequence
from enum import Enum

_MARGIN = " " * 11
_LOG_WIDTH = 140


class Style(Enum):
    """Emphasis, as codes for a terminal."""

    PLAIN = ""
    BOLD = "1"
    DIM = "2"
    GOOD = "32"
    BAD = "31"
    COMMAND = "36"


class Console:
    """Prints to standard output; safe to use from several threads."""

    def __init__(self) -> None:
        terminal = sys.stdout.isatty()
        self._colours = terminal and "NO_COLOR" not in os.environ
        self._width = shutil.get_terminal_size().columns if terminal else _LOG_WIDTH
        self._lock = threading.Lock()

    def heading(self, text: str) -> None:
        """The beginning of a part."""
        self._print(f"\n{self._painted(f'== {text} ', Style.BOLD)}")

    def say(self, text: str, style: Style = Style.PLAIN) -> None:
        """A sentence to the reader."""
        lines = (line for given in text.splitlines() for line in self._wrapped(given, "  ", "  "))
        self._print("\n".join(self._painted(line, style) for line in lines))

    def command(self, text: str) -> None:
        """A command that is about to be run."""
        self._print(self._painted(f"  $ {text}", Style.COMMAND))

    def happened(self, what: str, style: Style = Style.PLAIN) -> None:
        """Something that has just been seen in the cluster; long text goes on below its own beginning."""
        hanging = len(what) - len(what.rsplit("   ", maxsplit=1)[-1]) if "   " in what else 0
        first, *rest = self._wrapped(what, f"{time.strftime('%H:%M:%S')}   ", _MARGIN + " " * min(hanging, 60))
        self._print("\n".join(self._painted(line, style) for line in (first, *rest)))

    def table(self, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """A table with a line for each row; numbers stand to the right."""
        columns = list(zip(header, *rows, strict=True))
        widths = [max(map(len, column)) for column in columns]
        for row, style in ((header, Style.BOLD), *((row, Style.PLAIN) for row in rows)):
            cells = [
                cell.rjust(width) if _is_figure(column[1]) else cell.ljust(width)
                for cell, width, column in zip(row, widths, columns, strict=True)
            ]
            self._print(self._painted("  " + "   ".join(cells).rstrip(), style))

    def _wrapped(self, text: str, first: str, later: str) -> list[str]:
        # Columns are padded with spaces, which must stay.
        return textwrap.wrap(
            text,
            max(60, self._width),
            initial_indent=first,
            subsequent_indent=later,
            replace_whitespace=False,
            break_on_hyphens=False,
            break_long_words=False,
        )

    def _painted(self, text: str, style: Style) -> str:
        return f"\033[{style.value}m{text}\033[0m" if self._colours and style.value else text

    def _print(self, text: str) -> None:
        with self._lock:
            print(text, flush=True)


def _is_figure(cell: str) -> bool:
    return cell[:1].isdigit() or cell in ("-", "")
