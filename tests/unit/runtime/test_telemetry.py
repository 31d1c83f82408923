"""The operator says of itself when it falls behind, and nothing of what is gone."""

from tests.unit.cli import worlds
from tests.unit.rollout.world import World

from modelrollout.runtime.telemetry import Telemetry
from modelrollout_contract import metrics


def saw(telemetry: Telemetry, world: World) -> None:
    telemetry.saw(worlds.rollout(world))


def test_the_age_of_the_newest_window_shows_how_far_judging_is_behind() -> None:
    world = worlds.rolling_out()
    assert world.status.evidence is not None
    end = (world.status.evidence.window + 1) * 15.0
    telemetry = Telemetry(15.0, clock=lambda: end + 40)
    assert telemetry.registry.get_sample_value(metrics.WINDOW_AGE_SECONDS) == 0
    saw(telemetry, world)
    assert telemetry.registry.get_sample_value(metrics.WINDOW_AGE_SECONDS) == 40
    telemetry.forget("ml", "churn")
    assert telemetry.registry.get_sample_value(metrics.WINDOW_AGE_SECONDS) == 0


def test_a_rollout_that_is_not_judged_is_not_behind() -> None:
    telemetry = Telemetry(15.0)
    saw(telemetry, worlds.rolling_out())
    saw(telemetry, worlds.serving())
    assert telemetry.registry.get_sample_value(metrics.WINDOW_AGE_SECONDS) == 0
