"""What a gate on a mean sums up."""

from collections.abc import Sequence

from modelrollout.api.gates.mean import MeanGate
from modelrollout.metrics.kinds import COUNT, SUM, means
from modelrollout.metrics.prometheus.reader import Reader
from modelrollout.metrics.prometheus.selectors import counter, family_of
from modelrollout.metrics.source import Arm
from modelrollout.rollout.measurements import Summed


def measure(reader: Reader, gate: MeanGate, needed: Sequence[Arm]) -> Summed:
    """The increases of the sum and of the count. Both arms must have them, whatever is `needed`."""
    total, number = reader.read(counter(reader.arms, gate.sum)), reader.read(counter(reader.arms, gate.count))
    counts, sums, note = {COUNT: number}, {SUM: total}, ""
    if gate.cohort_label is not None:
        required = {COUNT: gate.count, SUM: gate.sum}
        windows, note = reader.increases_of_cohorts(gate.cohort_label, list(Arm), required, counts, sums)
    else:
        windows = reader.increases(family_of(gate.count), list(Arm), number, counts, sums)
        # Where it is missing every value would be 0.
        reader.require_family(family_of(gate.sum), list(Arm), total)
    return Summed(means(windows), reader.span.through, reader.with_notes(note))
