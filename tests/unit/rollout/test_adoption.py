"""A ModelRollout that was deleted and made again goes on with what served."""

from dataclasses import dataclass, field, replace

import pytest
from tests.unit.rollout.fragile import Fragile, rolling_out
from tests.unit.rollout.world import World, spec

from modelrollout.api.status import QuarantinedVersion, Role, Status
from modelrollout.rollout.observation import FoundVersion, Observation


@dataclass
class MadeAgain(World):
    """A world in which the status is gone, and what was noted of it, and the pods, are there."""

    found: tuple[FoundVersion, ...] = ()
    noted: tuple[QuarantinedVersion, ...] = field(default_factory=tuple)

    def observe(self) -> Observation:
        return replace(super().observe(), found=self.found, quarantine=self.noted)


def made_again(world: Fragile, *, with_roles: bool = True) -> MadeAgain:
    status = world.status
    roles = {
        Role.CHAMPION: status.champion,
        Role.CHALLENGER: status.challenger,
        Role.PREVIOUS: status.previous,
    }
    found = tuple(
        FoundVersion(version, role if with_roles else None, world.weights.get(version.hash, 0))
        for role, version in roles.items()
        if version
    )
    again = MadeAgain(spec=world.spec, now=world.now, found=found, noted=status.quarantine)
    again.pods, again.bentos, again.weights, again.counts = world.pods, world.bentos, world.weights, world.counts
    again.starts, again.error_rates = world.starts, world.error_rates
    return again


@pytest.mark.parametrize("with_roles", [True, False])
def test_in_mid_ramp_the_champion_goes_on_and_the_challenger_proves_itself_anew(with_roles: bool) -> None:
    world = made_again(rolling_out(20), with_roles=with_roles)
    world.step()
    assert world.share("churn:v1") == 90
    assert world.reasons() == ["ChampionAdopted", "RolloutStarted", "RampStarted"]
    world.run(600)
    assert world.reasons()[-2:] == ["Promoted", "WatchPassed"]


def test_a_challenger_that_was_about_to_have_half_of_the_traffic_does_not_become_the_champion() -> None:
    before = rolling_out(0)
    while before.share("churn:v2") != 50:
        before.step()
    world = made_again(before)
    world.run(5)
    assert world.status.champion
    assert world.status.champion.bento == "churn:v1"


def test_a_promotion_that_was_still_watched_has_to_be_earned_again() -> None:
    before = rolling_out(0)
    while before.status.watch is None:
        before.step()
    world = made_again(before)
    world.step()
    assert (world.share("churn:v1"), world.status.challenger and world.status.challenger.bento) == (90, "churn:v2")


def test_what_was_rolled_back_stays_in_quarantine() -> None:
    before = rolling_out(30, error_rates={"churn:v2": 0.9})
    before.run(60)
    assert before.status.quarantine
    world = made_again(before)
    world.run(300)
    assert (world.share("churn:v1"), world.reason("Stalled"), world.reasons()) == (
        100,
        "RolledBack",
        ["ChampionAdopted"],
    )


def test_a_bad_version_does_not_become_the_champion_when_only_its_pods_are_left() -> None:
    before = rolling_out(30, error_rates={"churn:v2": 0.9})
    before.run(60)
    world = made_again(before)
    world.found = tuple(FoundVersion(found.version) for found in world.found)
    world.found = (*world.found, FoundVersion(before.status.quarantine[0], None, 60))
    world.step()
    assert world.status.champion
    assert world.status.champion.bento == "churn:v1"


def test_what_only_the_traffic_tells_is_told_loudly() -> None:
    world = made_again(rolling_out(20), with_roles=False)
    [adopted, *_] = world.step().events
    assert (adopted.type, adopted.message) == (
        "Warning",
        "churn:v1 has most of the traffic of an earlier ModelRollout of this name and goes on serving",
    )


def test_versions_that_nobody_wants_any_more_are_let_go() -> None:
    world = made_again(rolling_out(20))
    world.apply(spec("churn:v1"))
    world.run(120)
    assert {world.bentos[key] for key in world.pods} == {"churn:v1"}


def test_without_anything_to_adopt_the_version_of_the_manifest_is_the_first_champion() -> None:
    world = MadeAgain(status=Status()).run(30)
    assert world.reasons() == ["ChampionDeploying", "ChampionServing"]
