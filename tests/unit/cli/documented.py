"""The console sessions that the documentation shows, run again.

A block marked `console` holds commands after a `$ ` and, below each, what it prints. `modelrollout ...` needs no
cluster, `kubectl modelrollout ...` does, and `echo $?` is about the command before it.
"""

import os
import re
import shlex
from collections.abc import Callable
from pathlib import Path

_BLOCK = re.compile(r"(?<=^```console\n).*?(?=^```)", re.DOTALL | re.MULTILINE)
_COMMAND = re.compile(r"^\$ (.*)\n(?:(?!\$ ).*\n)*", re.MULTILINE)

Run = Callable[[list[str]], tuple[int, str]]
"""Runs a command, given without the name of the program, and returns its exit code and all that it prints."""


def check(page: Path, run: Run, *, live: bool) -> None:
    """Run the commands of a page that need a cluster, or those that need none: they must print what the page shows.

    With MODELROLLOUT_UPDATE_DOCS in the environment the page is made to show what they print.
    """
    shown, printed = page.read_text(), rerun(page.read_text(), run, live=live)
    if "MODELROLLOUT_UPDATE_DOCS" in os.environ:
        page.write_text(printed)
    else:
        assert shown == printed


def rerun(page: str, run: Run, *, live: bool) -> str:
    """The page with what its commands print now."""
    code: int | None = None

    def rerun_command(found: re.Match[str]) -> str:
        nonlocal code
        command = found.group(1)
        words = shlex.split(command)
        if words[0] == "echo":
            return found.group() if code is None else f"$ {command}\n{code:d}\n"
        if (words[0] == "kubectl") != live:
            code = None
            return found.group()
        code, printed = run(words[2:] if live else words[1:])
        return f"$ {command}\n{printed}"

    return _BLOCK.sub(lambda block: _COMMAND.sub(rerun_command, block.group()), page)
