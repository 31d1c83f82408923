"""What a gate on a share counts."""

from collections.abc import Iterable, Sequence

from modelrollout.api.gates.share import ShareGate
from modelrollout.evidence.counts import ArmCounts
from modelrollout.metrics.counting.cohorts import of_versions
from modelrollout.metrics.counting.increases import Increases
from modelrollout.metrics.counting.series import Series
from modelrollout.metrics.kinds import PART, TOTAL, CountArm, proportions
from modelrollout.metrics.prometheus.reader import Reader
from modelrollout.metrics.prometheus.selectors import counter, family_of
from modelrollout.metrics.source import Arm
from modelrollout.rollout.measurements import Counted


def measure(reader: Reader, gate: ShareGate, needed: Sequence[Arm]) -> Counted:
    """The increases of the total and of the part of it that is bad, or good."""
    windows, note = _of_pods(reader, gate, needed) if gate.cohort is None else _of_cohorts(reader, gate, needed)
    return Counted(proportions(windows, _count_of(gate)), reader.span.through, reader.with_notes(note))


def _of_pods(reader: Reader, gate: ShareGate, needed: Sequence[Arm]) -> tuple[Iterable[Increases], str]:
    total, part = _total_and_part(reader, gate)
    if gate.good is not None:
        # Where it is missing everything would be bad.
        reader.require_family(family_of(gate.good), needed, part)
    windows = reader.increases(family_of(gate.total), needed, total, {TOTAL: total, PART: part})
    return windows, _uncounted(gate, part)


def _of_cohorts(reader: Reader, gate: ShareGate, needed: Sequence[Arm]) -> tuple[Iterable[Increases], str]:
    total, part = _total_and_part(reader, gate)
    label = gate.cohort_label or ""
    required = {TOTAL: gate.total} | ({PART: gate.good} if gate.good else {})
    windows, note = reader.increases_of_cohorts(label, needed, required, {TOTAL: total, PART: part})
    return windows, note or _uncounted(gate, of_versions(part, label, reader.arms))


def _total_and_part(reader: Reader, gate: ShareGate) -> tuple[list[Series], list[Series]]:
    part = gate.bad or gate.good
    assert part is not None
    return reader.read(counter(reader.arms, gate.total)), reader.read(counter(reader.arms, part))


def _count_of(gate: ShareGate) -> CountArm:
    return ArmCounts if gate.good is None else lambda all_, good: ArmCounts(all_, all_ - good)


def _uncounted(gate: ShareGate, part: Sequence[Series]) -> str:
    return "" if part or gate.bad is None else f"no pod has counted any {gate.bad}"
