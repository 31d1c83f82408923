"""`export`."""

import sys
from collections.abc import Sequence

from modelrollout_outcomes.commands.options import parse
from modelrollout_outcomes.commands.remote import RemoteOptions


class ExportOptions(RemoteOptions):
    """Print every prediction that has a truth, a line of JSON each: input, prediction, truth, by whom and when."""


def run(program: str, arguments: Sequence[str]) -> None:
    """Print them as they come."""
    options = parse(ExportOptions, program, arguments)
    with options.client() as client:
        for line in client.export(options.namespace, options.rollout):
            sys.stdout.write(line + "\n")
