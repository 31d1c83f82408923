"""`status`."""

from collections.abc import Sequence

from modelrollout_outcomes.commands.options import parse
from modelrollout_outcomes.commands.remote import RemoteOptions


class StatusOptions(RemoteOptions):
    """Print what has been counted of a rollout, by maturity and version."""


def run(program: str, arguments: Sequence[str]) -> None:
    """Print a table."""
    options = parse(StatusOptions, program, arguments)
    print(f"{'MATURITY':>9} {'VERSION':20} {'RIGHT':>9} {'WRONG':>9} {'UNLABELLED':>10}")
    with options.client() as client:
        for each in client.status(options.namespace, options.rollout):
            counts = f"{each['right']:9} {each['wrong']:9} {each['unlabelled']:10}"
            print(f"{each['maturity']:8}s {each['version']:20} {counts}")
