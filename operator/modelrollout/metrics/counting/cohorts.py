"""Cohorts: counters that count for the version that a label of theirs names, whichever pod has them.

A true label comes long after the prediction, to whatever pod is asked then. So the pods of both arms are read for each.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

from modelrollout.metrics.counting.increases import Increase, Increases
from modelrollout.metrics.counting.scrapes import Groups
from modelrollout.metrics.counting.series import Series, Unreadable
from modelrollout.metrics.source import Arm, Arms

Grown = TypeVar("Grown", int, float)


def of_versions(series: Sequence[Series], label: str, arms: Arms) -> list[Series]:
    """The series whose label names the version of an arm.

    Raises Unreadable if no series has the label, or if it cannot tell the arms apart.
    """
    if arms.version(Arm.CHAMPION) == arms.version(Arm.CHALLENGER) and not arms.one_version:
        raise Unreadable(
            f"champion and challenger are both Bentos of version {arms.version(Arm.CHAMPION)}, which the label {label} "
            "cannot tell apart"
        )
    if series and not any(_version(one, label) for one in series):
        raise Unreadable(f"{series[0].name} has no label {label}")
    return [one for one in series if _version(one, label) in map(arms.version, Arm)]


def of_version(series: Sequence[Series], label: str, version: str) -> list[Series]:
    """The series whose label names a version."""
    return [one for one in series if _version(one, label) == version]


def split_by_version(groups: Groups, label: str, arms: Arms) -> Groups:
    """Each group in two, one for each arm, by the version that the label names."""
    return {
        _key(arm, name): of_version(series, label, arms.version(arm)) for name, series in groups.items() for arm in Arm
    }


def split_by_backend(groups: Groups, label: str, backends: Mapping[Arm, str]) -> Groups:
    """Each group in two, one for each arm, by a gateway's label of the backend.

    backends: regular expressions, matched as a whole.
    """
    return {
        _key(arm, name): [one for one in series if re.fullmatch(backend, one.label(label))]
        for name, series in groups.items()
        for arm, backend in backends.items()
    }


def by_version(windows: Iterable[Increases]) -> Iterator[Increases]:
    """What the groups of `split_by_version` or `split_by_backend` have grown by, for the arm that was named, whoever's
    pod it is.
    """
    for window in windows:
        pods = {pod: grown for of_arm in window.pods.values() for pod, grown in of_arm.items()}
        yield Increases(
            window.index,
            {
                arm: {pod: Increase(_of(arm, grown.counts), _of(arm, grown.sums)) for pod, grown in pods.items()}
                for arm in Arm
            },
        )


def _version(series: Series, label: str) -> str:
    return series.label(label).lower()


def _key(arm: Arm, name: str) -> str:
    return f"{arm} {name}"


def _of(arm: Arm, groups: Mapping[str, Grown]) -> dict[str, Grown]:
    prefix = _key(arm, "")
    return {name.removeprefix(prefix): grown for name, grown in groups.items() if name.startswith(prefix)}
