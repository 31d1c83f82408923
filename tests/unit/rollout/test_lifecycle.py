"""What is said of a champion for as long as it serves."""

from datetime import timedelta

import pytest
from tests.unit.rollout.fragile import Written
from tests.unit.rollout.world import World, spec

from modelrollout.api.parsing import parse_rollout

WEEK = timedelta(days=7)


def serving(**lifecycle: str) -> World:
    return World(spec=spec(lifecycle=lifecycle)).run(120)


def message(world: World) -> str:
    return next(condition.message for condition in world.status.conditions if condition.type == "Stale")


def test_a_version_that_has_served_for_longer_than_it_may_is_stale():
    world = serving(staleAfter="7d")
    assert (world.condition("Stale"), world.reason("Stale")) == ("False", "Fresh")
    world.now += WEEK
    world.look()
    assert (world.condition("Stale"), world.reason("Stale")) == ("True", "ServedTooLong")
    assert message(world).startswith("churn:v1 has served for longer than lifecycle.staleAfter of 7d, since 2026-11-24")
    assert world.condition("Ready") == "True"


def test_nothing_is_said_of_age_where_nothing_was_asked():
    world = serving()
    world.now += 100 * WEEK
    world.look()
    assert world.condition("Stale") is None


def test_a_new_champion_is_fresh_again():
    world = serving(staleAfter="7d")
    world.now += WEEK
    world.look()
    world.spec = spec("churn:v2", lifecycle={"staleAfter": "7d"})
    world.run(1800)
    assert world.status.champion.bento == "churn:v2"
    assert world.condition("Stale") == "False"


def test_the_next_look_is_when_the_version_becomes_stale_and_none_after_that():
    world = serving(staleAfter="7d")
    plan = world.look()
    assert plan.requeue_after == pytest.approx(WEEK.total_seconds(), abs=120)
    world.now += timedelta(seconds=plan.requeue_after)
    assert world.look().requeue_after is None
    assert world.condition("Stale") == "True"


def test_nothing_is_written_while_a_version_grows_old():
    world = Written(spec=spec(lifecycle={"staleAfter": "7d"}))
    world.run(120)
    world.writes = 0
    world.now += timedelta(days=3)
    world.run(300)
    assert world.writes == 0


@pytest.mark.parametrize("span", ["0s", "10m", "soon", "99999d"])
def test_a_span_that_makes_no_sense_is_refused(span):
    manifest = {
        "apiVersion": "modelrollout.io/v1alpha1",
        "kind": "ModelRollout",
        "metadata": {"name": "churn", "namespace": "ml"},
        "spec": {
            "model": {"bento": "churn:v1", "image": "registry.example/churn:v1"},
            "traffic": {"gatewayAPI": {"parentRefs": [{"name": "models"}]}},
            "gates": [{"name": "errors", "errorRate": {}}],
            "lifecycle": {"staleAfter": span},
        },
    }
    problems = str(parse_rollout(manifest, strict=True))
    assert "lifecycle.staleAfter" in problems
