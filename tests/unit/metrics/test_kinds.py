"""What a kind of gate makes of the increases of counters."""

import pytest
from tests.unit.metrics.recorded import CHALLENGER

from modelrollout.evidence.counts import ArmCounts
from modelrollout.metrics.kinds import PART, TOTAL, proportions
from modelrollout.metrics.series import Unreadable
from modelrollout.metrics.source import Arm
from modelrollout.metrics.windows import Increase, Increases


def window(challenger: Increase) -> Increases:
    return Increases(1, {Arm.CHAMPION: {}, Arm.CHALLENGER: {CHALLENGER: challenger}})


def test_a_part_that_grows_more_than_the_whole_is_not_counted() -> None:
    with pytest.raises(Unreadable, match="pod challenger-1 contradict"):
        proportions([window(Increase({TOTAL: 3, PART: 4}, {}))], ArmCounts)
