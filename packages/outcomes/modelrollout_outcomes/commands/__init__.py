"""The commands, one file each."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from modelrollout_outcomes.commands import export, label, migrate, serve, status


@dataclass(frozen=True)
class Command:
    """What a command says of itself, and what it does with the program's name and its arguments."""

    summary: str
    run: Callable[[str, Sequence[str]], None]


COMMANDS: Mapping[str, Command] = {
    "serve": Command("serve predictions, truths and counts over HTTP", serve.run),
    "label": Command("send truths from a CSV file", label.run),
    "export": Command("print predictions and their truths, for training", export.run),
    "status": Command("print what has been counted of a rollout", status.run),
    "migrate": Command("bring the tables of the database to this version", migrate.run),
}
