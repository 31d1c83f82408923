"""Failures that are counted late, because they are time-outs, decide nothing while the weights change."""

from dataclasses import dataclass, field
from math import floor

import pytest
from tests.unit.rollout.world import TICK, World, spec

from modelrollout.api.evidence import WeightChanges
from modelrollout.evidence.counts import ArmCounts
from modelrollout.evidence.sequential import SETTLED, Settled
from modelrollout.rollout.late_answers import LateAnswers, follow_weights

STEPS = {
    "steps": [{"weight": weight, "hold": "10s"} for weight in (1, 2, 5, 10, 25, 50)],
    "holdBack": {"percent": 5, "for": "60s"},
}


@dataclass
class Slow(World):
    """A world in which every failed request is counted `late` seconds after it came."""

    late: float = 60.0
    came: dict[int, dict[str, int]] = field(default_factory=dict)

    def _serve(self) -> None:
        super()._serve()
        window = floor(self.now.timestamp() / TICK) - 1
        counted = self.counts[window]
        self.came[window] = {key: arm.bad for key, arm in counted.items()}
        due = self.came.get(window - round(self.late / TICK), {})
        self.counts[window] = {
            key: ArmCounts(arm.total - arm.bad + due.get(key, 0), due.get(key, 0)) for key, arm in counted.items()
        }


def rolled_out(late: float, **changes: object) -> Slow:
    world = Slow(late=late, error_rates={"churn:v2": 0.045}, requests_per_second=400.0)
    world.run(30)
    world.apply(spec("churn:v2", strategy=STEPS, **changes))
    return world.run(1500)


@pytest.mark.parametrize("late", [20.0, 60.0])
def test_a_challenger_that_fails_by_a_timeout_is_not_promoted_while_its_weight_grows(late: float) -> None:
    assert "Promoted" not in rolled_out(late).reasons()


def test_it_would_be_if_nobody_waited_for_the_timeouts() -> None:
    assert "Promoted" in rolled_out(60.0, serving={"requestTimeout": "0s"}).reasons()


def test_what_is_waited_for_is_said() -> None:
    world = World().run(30)
    world.apply(spec("churn:v2", strategy=STEPS))
    world.run(25)
    gate, _ = world.status.gates
    assert "for late answers" in gate.message


CHANGED = follow_weights(None, (99, 1), accepted=True, present_window=100, awaited=6)


@pytest.mark.parametrize(
    ("written", "accepted", "lowered"),
    [((98, 2), True, None), ((98, 2), False, None), ((100, 0), True, 110), ((100, 0), False, 110)],
)
def test_a_window_counts_again_once_what_came_before_the_change_is_surely_counted(
    written: tuple[int, int], accepted: bool, lowered: int | None
) -> None:
    changes = follow_weights(CHANGED, written, accepted=accepted, present_window=110, awaited=6)
    assert (changes.changed, changes.lowered) == (110, lowered)
    late = LateAnswers(changes, awaited=6, scrape_interval=15.0)
    assert late.settled(115) == (Settled(False) if lowered is None else Settled(False, 0.01, 0.99))
    assert late.settled(116) == SETTLED
    assert late.seconds_left(110 * 15.0) == 105.0


def test_weights_that_stay_as_they_are_unsettle_nothing() -> None:
    assert follow_weights(CHANGED, (99, 1), accepted=False, present_window=110, awaited=6) == CHANGED


def test_without_late_answers_every_window_counts() -> None:
    changes = follow_weights(CHANGED, (50, 50), accepted=True, present_window=110, awaited=6)
    assert LateAnswers(changes, awaited=0, scrape_interval=15.0).settled(110) == SETTLED


def test_what_both_had_before_a_weight_fell_is_remembered_for_as_long_as_its_answers_are_awaited() -> None:
    weights = [((50, 50), 110), ((90, 10), 120), ((99, 1), 123), ((98, 2), 140), ((99, 1), 141)]
    changes, found = CHANGED, []
    for written, window in weights:
        changes = follow_weights(changes, written, accepted=True, present_window=window, awaited=6)
        found.append(LateAnswers(changes, awaited=6, scrape_interval=15.0).settled(window))
    assert found == [
        Settled(False),
        Settled(False, 0.5, 0.5),
        Settled(False, 0.5, 0.5),
        Settled(False),
        Settled(False, 0.02, 0.98),
    ]


def test_beside_a_baseline_the_parts_are_of_what_both_have() -> None:
    changes = follow_weights(None, (10, 50), accepted=True, present_window=100, awaited=6)
    changes = follow_weights(changes, (10, 1), accepted=True, present_window=110, awaited=6)
    most, least = changes.challenger_most, changes.champion_least
    assert (most, least) == (50 / 11, 10 / 60)


def test_after_an_upgrade_a_fall_of_the_weight_from_before_it_is_held_against_nobody() -> None:
    left = WeightChanges.model_validate({"championWeight": 99, "challengerWeight": 1, "changed": 120, "lowered": 120})
    assert LateAnswers(left, awaited=6, scrape_interval=15.0).settled(121) == Settled(False, 1.0, 0.0)
