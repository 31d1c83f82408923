"""`label`."""

import csv
import sys
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from pathlib import Path

from pydantic import Field, ValidationError

from modelrollout_outcomes.commands.options import parse
from modelrollout_outcomes.commands.remote import RemoteOptions
from modelrollout_outcomes.errors import OutcomesError
from modelrollout_outcomes.records import TRUTH, Truth, TruthState


class LabelOptions(RemoteOptions):
    """Send truths from a CSV file with the columns truth, and request or key and at; value and by are optional.

    A file may be sent again: what the service has is counted once.
    """

    csv: Path = Field(description="the file")


def run(program: str, arguments: Sequence[str]) -> None:
    """Send them, print a line for each that is not matched, and how many there were of each state."""
    options = parse(LabelOptions, program, arguments)
    found: Counter[str] = Counter()
    sent: deque[int] = deque()
    with options.client() as client, options.csv.open(newline="") as file:
        for answer in client.send_truths(_read(file, options, sent, found)):
            line = sent.popleft()
            found[answer.state] += 1
            if answer.reason:
                print(f"{options.csv}, line {line}: {answer.state}: {answer.reason}", file=sys.stderr)
    print(", ".join(f"{count} {state}" for state, count in sorted(found.items())) or "nothing to send")
    if found[TruthState.REJECTED]:
        raise OutcomesError(f"{found[TruthState.REJECTED]} lines were rejected")


def _read(file: Iterator[str], options: LabelOptions, sent: deque[int], found: Counter[str]) -> Iterator[Truth]:
    reader = csv.DictReader(file)
    for row in reader:
        given = {name: cell for name, cell in row.items() if name and cell}
        try:
            truth = TRUTH.validate_python({**given, "namespace": options.namespace, "rollout": options.rollout})
        except ValidationError as error:
            found[TruthState.REJECTED] += 1
            print(f"{options.csv}, line {reader.line_num}: {error.errors()[0]['msg']}", file=sys.stderr)
            continue
        sent.append(reader.line_num)
        yield truth
