"""The commands, one file each."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from modelrollout_outcomes.commands import migrate, serve


@dataclass(frozen=True)
class Command:
    """What a command says of itself, and what it does with the program's name and its arguments."""

    summary: str
    run: Callable[[str, Sequence[str]], None]


COMMANDS: Mapping[str, Command] = {
    "serve": Command("serve predictions, truths and counts over HTTP", serve.run),
    "migrate": Command("bring the tables of the database to this version", migrate.run),
}
