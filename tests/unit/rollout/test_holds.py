"""A rollout that does not go on says for what it waits, and goes on when that has come."""

from dataclasses import dataclass, replace

import pytest
from tests.unit.cli import worlds
from tests.unit.rollout.fragile import Fragile, rolling_out
from tests.unit.rollout.world import World, spec

from modelrollout.api.commands import Command
from modelrollout.cli.commands import refusal
from modelrollout.rollout.observation import Observation, VersionObservation

STEPS = [{"weight": 10, "hold": "20s"}, {"weight": 50}]


def test_a_step_in_which_nobody_called_is_not_over() -> None:
    world = rolling_out(0, requests_per_second=0)
    world.run(1800)
    assert (world.share("churn:v2"), world.reason("Ready"), world.condition("Progressing")) == (
        10,
        "NoRequests",
        "False",
    )
    assert "no request of churn:v2 was seen" in world.message()
    world.requests_per_second = 200
    world.run(600)
    assert world.share("churn:v2") == 100


def test_a_step_is_not_over_by_requests_that_came_before_it() -> None:
    world = rolling_out(0)
    while world.share("churn:v2") != 50:
        world.step()
    world.requests_per_second = 0
    world.run(300)
    assert (world.share("churn:v2"), world.reason("Ready")) == (50, "NoRequests")


def test_a_ramp_takes_no_step_before_there_is_a_rate_and_prints_no_time_without_one() -> None:
    world = World(spec=spec(strategy={"ramp": {}}), requests_per_second=20).run(60)
    world.apply(spec("churn:v2", strategy={"ramp": {}}))
    while world.status.evidence is None:
        world.step()
    for _ in range(3):
        world.step()
        assert world.share("churn:v2") == 1
        assert "about" not in (world.status.gates[0].message if world.status.gates else "").partition("needed")[2]


@pytest.mark.parametrize("seconds", [0, 30])
def test_beside_a_champion_without_pods_nothing_is_decided_until_it_has_some_or_somebody_promotes(seconds: int) -> None:
    world = rolling_out(seconds)
    world.down.add("churn:v1")
    world.run(1200)
    assert (world.reason("Ready"), world.reason("Stalled"), world.share("churn:v2")) == (
        "ChampionNotReady",
        "ChampionNotReady",
        100,
    )
    assert "the champion churn:v1 has no ready pods" in world.message()
    assert "modelrollout.io/promote" in world.message()


@pytest.mark.parametrize("seconds", [0, 30])
def test_a_challenger_of_a_dead_champion_can_be_promoted_by_command(seconds: int) -> None:
    world = rolling_out(seconds)
    world.down.add("churn:v1")
    world.run(60)
    world.commands["promote"] = "now"
    world.run(300)
    assert world.status.champion
    assert world.status.champion.bento == "churn:v2"
    assert (world.status.challenger, world.status.previous, world.share("churn:v2")) == (None, None, 100)


def test_a_rollout_goes_on_when_the_champion_is_back() -> None:
    world = rolling_out()
    world.down.add("churn:v1")
    world.run(600)
    world.down.clear()
    world.run(600)
    assert world.reasons()[-2:] == ["Promoted", "WatchPassed"]


def test_beside_a_champion_that_fails_itself_nobody_is_proven_good() -> None:
    world = rolling_out(0, error_rates={"churn:v1": 0.97, "churn:v2": 0.97})
    world.run(600)
    assert (world.share("churn:v2"), world.reason("Stalled")) == (10, "ChampionFailing")
    assert "the champion itself fails (errors 97.1 %)" in world.message()
    world.commands["approve"] = "ann"
    world.run(20)
    assert world.share("churn:v2") == 50, "somebody takes it on"


def test_a_champion_that_fails_itself_costs_no_challenger_its_place_at_the_deadline() -> None:
    strategy = {"steps": STEPS, "deadline": {"after": "2m", "action": "Rollback"}}
    world = rolling_out(0, spec=spec(strategy=strategy), error_rates={"churn:v1": 0.97, "churn:v2": 0.97})
    world.run(600)
    assert world.status.challenger


@pytest.mark.parametrize("every", [60, 120])
def test_a_challenger_that_loses_its_pods_again_and_again_gets_no_more_traffic(every: int) -> None:
    world = rolling_out(30, requests_per_second=10)
    for second in range(0, 1200, 5):
        world.down = {"churn:v2"} if second % every < 15 else set()
        world.step()
    assert "Promoted" not in world.reasons()
    world.down = set()
    world.run(60)
    assert (world.reason("Ready"), world.condition("Progressing")) == ("Unstable", "False")
    world.run(2400)
    assert "Promoted" in world.reasons(), "it has been stable since"


class Restarting(Fragile):
    """churn:v2 is killed for its memory every minute, and ready again before anybody looks."""

    def observe(self) -> Observation:
        seen = super().observe()
        restarts = int((self.now - self.status.rollout.started_at).total_seconds() // 60) if self.status.rollout else 0
        versions = {key: self._restarted(found, restarts) for key, found in seen.versions.items()}
        return replace(seen, versions=versions)

    def _restarted(self, found: VersionObservation, restarts: int) -> VersionObservation:
        if self.bentos[found.hash] != "churn:v2":
            return found
        return replace(found, restarts=restarts, last_exit="exited with code 137 (OOMKilled)" if restarts else "")


def test_restarts_of_pods_that_are_ready_again_are_seen_and_hold_the_rollout() -> None:
    world = Restarting(requests_per_second=5).run(60)
    world.apply(spec("churn:v2"))
    world.run(600)
    assert world.reason("Ready") == "Unstable"
    assert "exited with code 137 (OOMKilled)" in world.message()


@pytest.mark.parametrize("asked_for", ["ChampionFailing", "Unstable"])
def test_what_asks_for_an_approval_takes_one_from_the_command_line(asked_for: str) -> None:
    world = rolling_out(0, requests_per_second=5)
    if asked_for == "ChampionFailing":
        world.error_rates = dict.fromkeys(["churn:v1", "churn:v2"], 0.97)
    for second in range(0, 320, 5):
        world.down = {"churn:v2"} if asked_for == "Unstable" and second % 60 > 45 else set()
        world.step()
    assert world.reason("Ready") == asked_for
    assert refusal(Command.APPROVE, worlds.rollout(world)) == ""


@dataclass
class Halved(Fragile):
    """halved: no version gets more than one pod ready."""

    halved: bool = False

    def ready(self, key: str) -> int:
        return min(super().ready(key), 1) if self.halved else super().ready(key)


def test_the_only_version_that_works_is_not_rolled_back_for_having_too_few_pods() -> None:
    serving = {"replicas": 4, "progressDeadline": "2m"}
    world = Halved(spec=spec(serving=serving)).run(60)
    world.apply(spec("churn:v2", serving=serving))
    while world.share("churn:v2") != 50:
        world.step()
    world.down, world.halved = {"churn:v1"}, True
    world.run(600)
    assert (world.share("churn:v2"), world.status.quarantine) == (100, ())


def test_the_last_step_of_a_schedule_that_leaves_the_champion_nothing_is_the_promotion() -> None:
    strategy = {"steps": [{"weight": 50, "hold": "10s"}, {"weight": 100, "hold": "10h"}]}
    world = rolling_out(0, spec=spec(strategy=strategy), requests_per_second=20)
    world.run(600)
    promoted = world.reasons().index("PromotionStarted")
    assert "every gate passes" in world.events[promoted].message
    assert "WeightRaised" not in world.reasons()


def test_a_schedule_of_one_step_with_everything_leaves_something_to_compare_with() -> None:
    world = rolling_out(40, spec=spec(strategy={"steps": [{"weight": 100}]}), requests_per_second=20)
    assert (world.share("churn:v1"), world.share("churn:v2")) == (1, 99)


def test_a_step_that_has_to_last_says_until_when() -> None:
    world = rolling_out(0, spec=spec(strategy={"steps": [{"weight": 10, "hold": "20h"}]}))
    world.run(600)
    assert "this step lasts until 2026-11-25T08:01:" in world.message()


@pytest.mark.parametrize(("written", "message"), [(10, "has not taken over"), (0, "has not taken over")])
def test_a_gateway_that_never_answers_is_named(written: int, message: str) -> None:
    world = rolling_out(0)
    while world.share("churn:v2") != written:
        world.step()
    world.hang()
    world.run(300)
    assert (world.reason("Ready"), world.share("churn:v2")) == ("RouteNotTakenOver", written)
    assert message in world.message()


def test_no_message_stands_in_more_than_two_conditions() -> None:
    world = rolling_out(0)
    for _ in range(60):
        world.step()
        messages = [condition.message for condition in world.status.conditions]
        assert max(map(messages.count, messages)) <= 2
