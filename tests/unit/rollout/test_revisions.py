"""All that shapes a pod is a revision: what starts a rollout, and what does not."""

import hashlib
from typing import Any

import pytest
from tests.unit.rollout.world import World, spec

from modelrollout.api.identity import serving_digest, version_of
from modelrollout.api.serving import Serving
from modelrollout.api.status import Status, Version
from modelrollout.rollout.observation import VersionObservation
from modelrollout.rollout.revisions import known

ENV = {"env": [{"name": "THRESHOLD", "value": "0.9"}]}


def serves(bento: str = "churn:v1", **changes: Any) -> World:
    """A world whose first version serves."""
    return World(spec(bento, **changes)).run(60)


@pytest.mark.parametrize(
    "serving",
    [
        pytest.param(ENV, id="a variable"),
        pytest.param({"port": 8080}, id="the port"),
        pytest.param({"resources": {"limits": {"memory": "1Gi"}}}, id="resources"),
        pytest.param({"podTemplate": {"spec": {"nodeSelector": {"gpu": "a100"}}}}, id="a node selector"),
        pytest.param({"podTemplate": {"metadata": {"annotations": {"a": "b"}}}}, id="an annotation of the pods"),
    ],
)
def test_an_edit_that_shapes_pods_is_rolled_out_as_a_new_model_is(serving: dict[str, Any]) -> None:
    world = serves()
    champion = world.status.champion
    world.apply(spec(serving=serving))

    world.step()

    assert world.status.champion == champion
    assert world.status.challenger
    assert world.status.challenger.bento == "churn:v1"
    assert "RolloutStarted" in world.reasons()
    world.run(400)
    assert world.status.champion == world.status.wanted
    assert world.status.champion != champion


@pytest.mark.parametrize(
    "serving",
    [
        pytest.param({"replicas": 3}, id="replicas"),
        pytest.param({"progressDeadline": "1h"}, id="a deadline"),
        pytest.param({"requestTimeout": "5s"}, id="the time of a request"),
        pytest.param({"drain": "5m"}, id="drain"),
        pytest.param({"port": 3000, "env": [], "podTemplate": {"spec": {}}}, id="a default that is written out"),
        pytest.param({"podTemplate": {"metadata": {"labels": {}}}}, id="nothing"),
    ],
)
def test_what_shapes_no_pod_starts_no_rollout(serving: dict[str, Any]) -> None:
    world = serves()
    world.apply(spec(serving=serving))

    world.run(30)

    assert world.status.challenger is None
    assert world.status.champion
    assert world.status.champion.hash == version_of(spec().model).hash


def test_taking_an_edit_back_returns_to_the_champion_at_once() -> None:
    world = serves()
    world.apply(spec(serving=ENV))
    world.run(30)
    world.apply(spec())

    world.step()

    assert world.status.challenger is None
    assert world.weights[world.status.champion.hash] == 100  # type: ignore[union-attr]


def test_a_setting_that_makes_answers_bad_is_rolled_back_and_a_repair_of_it_is_tried() -> None:
    world = serves()
    world.starts = {"churn:v1": None}
    world.apply(spec(serving={**ENV, "progressDeadline": "20s"}))
    world.run(60)
    assert "ChallengerNotReady" in world.reasons()

    world.starts = {}
    world.apply(spec(serving={"env": [{"name": "THRESHOLD", "value": "0.8"}]}))
    world.step()

    assert world.status.challenger is not None


def test_content_of_a_config_map_is_part_of_the_revision() -> None:
    first, second = ({"ConfigMap/limits": digest} for digest in ("a", "b"))

    assert version_of(spec().model, Serving(), first) != version_of(spec().model, Serving(), second)
    assert version_of(spec().model, Serving(), first) == version_of(spec().model, Serving(), dict(first))


@pytest.mark.parametrize(
    ("serving", "configuration", "canonical"),
    [
        ({}, {}, "{}"),
        ({"replicas": 7, "drain": "1m", "progressDeadline": "1h"}, {}, "{}"),
        (ENV, {}, '{"serving":{"env":[{"name":"THRESHOLD","value":"0.9"}]}}'),
        (
            {"resources": {"limits": {"cpu": 2}}, "port": 8080},
            {"Secret/b": "y", "ConfigMap/a": "x"},
            '{"configuration":{"ConfigMap/a":"x","Secret/b":"y"},'
            '"serving":{"port":8080,"resources":{"limits":{"cpu":"2"}}}}',
        ),
    ],
)
def test_the_first_algorithm_digests_for_ever_what_it_digests_now(
    serving: dict[str, Any], configuration: dict[str, str], canonical: str
) -> None:
    digest = serving_digest(Serving.model_validate(serving), configuration)

    assert digest == f"1:{hashlib.sha256(canonical.encode()).hexdigest()[:16]}"


@pytest.mark.parametrize("serving", [None, "99:0123456789abcdef", "nonsense"])
def test_a_version_whose_digest_this_release_does_not_know_is_taken_as_it_is_served(serving: str | None) -> None:
    changed = spec(serving=ENV)
    legacy = Version(bento="churn:v1", image=changed.model.image, hash="0ld", serving=serving)
    world = World(changed, Status(champion=legacy))

    world.step()

    assert world.status.champion
    assert world.status.champion.hash == "0ld"
    assert world.status.challenger is None


DIGEST = "sha256:" + "0" * 64


@pytest.mark.parametrize(
    ("image", "same"),
    [
        (f"registry.example/churn@{DIGEST}", True),
        (f"registry.example/churn:other@{DIGEST}", True),
        (f"mirror.example/churn@{DIGEST}", True),
        ("registry.example/churn:other", False),
        (f"registry.example/churn@sha256:{'1' * 64}", False),
    ],
)
def test_another_name_of_the_image_that_the_champion_runs_is_the_same_revision(image: str, same: bool) -> None:
    world = serves()
    champion = world.status.champion
    assert champion
    observation = world.observe()
    pods = observation.versions[champion.hash]
    running = VersionObservation(champion.hash, pods.desired, pods.ready, updated=True, image_digest=DIGEST)
    seen = type(observation)(versions={champion.hash: running})

    wanted = known(spec().model.model_copy(update={"image": image}), Serving(), world.status, seen)

    assert (wanted == champion) is same


def test_champions_that_proved_themselves_are_remembered_up_to_the_limit() -> None:
    world = serves(revisionHistoryLimit=1)
    for bento in ("churn:v2", "churn:v3"):
        world.apply(spec(bento, revisionHistoryLimit=1))
        world.run(400)

    assert [former.bento for former in world.status.champions] == ["churn:v2", "churn:v3"]
