"""From series to the groups of counters that a gate on drift compares: one for each of its buckets."""

from collections.abc import Sequence

from modelrollout.api.regular_expressions import fault_of, matches
from modelrollout.metrics.bentoml import STATUS_CODE
from modelrollout.metrics.counting.scrapes import Groups
from modelrollout.metrics.counting.series import Series, Unreadable

REST = ""

_MOST_LISTED = 10


def with_status(series: Sequence[Series], codes: str, label: str = STATUS_CODE) -> list[Series]:
    """The counters of those requests whose status code matches a regular expression as a whole.

    Raises Unreadable if it is none.
    """
    if fault := fault_of(codes):
        raise Unreadable(f"codes is no regular expression: {fault}")
    return [one for one in series if matches(codes, one.label(label))]


def by_value(series: Sequence[Series], label: str, values: Sequence[str]) -> Groups:
    """The series by the value of a label, and last, in the group REST, those of any other value or of none.

    Raises Unreadable if there are series and all of them are in REST: label or values must be misspelt.
    """
    groups: dict[str, list[Series]] = {value: [] for value in (*values, REST)}
    found = {one.label(label) for one in series}
    if found and found.isdisjoint(values):
        raise Unreadable(f"no pod has counted anything with the values of the label {label} so far: {_known(found)}")
    for one in series:
        value = one.label(label)
        groups[value if value in values else REST].append(one)
    return groups


def _known(values: set[str]) -> str:
    present = sorted(values - {""})
    if not present:
        return "it is on no series"
    return f"there is {', '.join(present[:_MOST_LISTED])}" + (", ..." if len(present) > _MOST_LISTED else "")
