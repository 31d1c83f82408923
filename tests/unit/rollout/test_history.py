"""What is known of the champion sets the tests up."""

from random import Random

import pytest
from tests.unit.rollout.world import spec

from modelrollout.api.spec import Risk
from modelrollout.evidence.counts import ArmCounts, Block
from modelrollout.evidence.proportion import UNMEASURED_DISPERSION
from modelrollout.rollout.gate_set import gate_set
from modelrollout.rollout.gates.proportion import ProportionGateTest
from modelrollout.rollout.history import LEAST_WINDOWS, champion_history
from modelrollout.rollout.measurements import Counted, NoData, SourceDown, Window


def halves(windows: int, burst: int) -> Counted:
    """Two arms of 100 requests a window with 2 % bad ones, which come `burst` at a time."""
    dice = Random(3)

    def arm() -> ArmCounts:
        return ArmCounts(100, sum(burst for _ in range(100 // burst) if dice.random() < 0.02))

    return Counted(tuple(Window(index, Block(arm(), arm())) for index in range(windows)), windows)


def test_bursty_failures_of_the_champion_make_the_test_more_patient() -> None:
    [steady] = champion_history({"errors": halves(240, burst=1)})
    [bursty] = champion_history({"errors": halves(240, burst=5)})
    assert bursty.dispersion > 3
    assert steady.dispersion < 1.6
    assert steady.requests == 48_000


@pytest.mark.parametrize("burst", [1, 5])
def test_a_champion_with_one_pod_is_compared_with_itself_a_window_later(burst: int) -> None:
    blocks = [window.block for window in halves(240, burst).windows]
    alone = Counted(tuple(Window(index, Block(champion=block.champion)) for index, block in enumerate(blocks)), 240)
    [known] = champion_history({"errors": alone})
    assert known.requests == 24_000
    assert (known.dispersion > 3) is (burst == 5)


@pytest.mark.parametrize("burst", [1, 5])
def test_a_short_history_tells_the_rate_but_not_how_bursty_failures_are(burst: int) -> None:
    [short] = champion_history({"errors": halves(LEAST_WINDOWS - 1, burst)})
    assert short.bad / short.requests == pytest.approx(0.02, rel=0.3)
    assert short.dispersion == UNMEASURED_DISPERSION


def test_a_missing_history_is_none() -> None:
    unknown = {"a": Counted((), 9), "b": NoData("no scrapes", 9), "c": SourceDown("refused")}
    assert champion_history(unknown) == ()


def test_the_tests_are_set_up_with_what_is_known() -> None:
    history = champion_history({"errors": halves(240, burst=5)})
    [known] = gate_set(spec().gates, Risk(), 1, 100, history).tests
    [unknown] = gate_set(spec().gates, Risk(), 1, 100).tests
    assert isinstance(known, ProportionGateTest)
    assert isinstance(unknown, ProportionGateTest)
    assert known.test.dispersion == history[0].dispersion > unknown.test.dispersion
    assert known.champion_history == ArmCounts(history[0].requests, history[0].bad)
