"""What a kind of gate makes of the increases of counters."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.metrics.recorded import CHALLENGER, CHAMPION

from modelrollout.evidence.counts import ArmCounts
from modelrollout.evidence.mean import ArmSum
from modelrollout.metrics.counting.increases import Increase, Increases
from modelrollout.metrics.counting.series import Unreadable
from modelrollout.metrics.kinds import COUNT, PART, SUM, TOTAL, distributions, means, proportions
from modelrollout.metrics.source import Arm
from modelrollout.rollout.measurements import BucketWindow, SumWindow


def window(challenger: Mapping[str, Increase], champion: Mapping[str, Increase] | None = None) -> Increases:
    return Increases(1, {Arm.CHAMPION: champion or {}, Arm.CHALLENGER: challenger})


def counted(**counts: int) -> Increase:
    return Increase(counts, {})


def test_a_part_that_grows_more_than_the_whole_is_not_counted() -> None:
    with pytest.raises(Unreadable, match="pod challenger-1 contradict"):
        proportions([window({CHALLENGER: counted(**{TOTAL: 3, PART: 4})})], ArmCounts)


def test_sums_of_the_pods_of_an_arm_add_up() -> None:
    pods = {"challenger-1": Increase({COUNT: 3}, {SUM: 0.25}), "challenger-2": Increase({COUNT: 2}, {SUM: -4.25})}
    assert means([window(pods)]) == (SumWindow(1, ArmSum(), ArmSum(5, -4.0)),)


def test_a_pod_that_has_summed_up_nothing_yet_counts_nothing() -> None:
    assert means([window({CHALLENGER: Increase({}, {})})]) == (SumWindow(1, ArmSum(), ArmSum()),)


@given(st.permutations([0.1, 0.2, 0.3, 1e16, -1e16]))
def test_a_sum_does_not_depend_on_the_order_of_the_pods(totals: list[float]) -> None:
    pods = {f"challenger-{at}": Increase({COUNT: 1}, {SUM: total}) for at, total in enumerate(totals)}
    assert means([window(pods)])[0].challenger.total == 0.6


def test_predictions_are_counted_by_bucket() -> None:
    challenger = {"challenger-1": counted(a=3, b=1), "challenger-2": counted(b=2)}
    windows = distributions([window(challenger, {CHAMPION: counted(a=5, c=7)})], ["a", "b", "c"])
    assert windows == (BucketWindow(1, (5, 0, 7), (3, 3, 0)),)
