"""What ConfigMaps and Secrets hold is a part of the revision of the pods that read it."""

from typing import Any

import pytest
from tests.simulation.api_server import REFUSALS, Refusal
from tests.simulation.machine import MOMENTS
from tests.simulation.world import KEY, SPEC, Simulation

from modelrollout.api.serving import Serving
from modelrollout.kube.configuration import Reference, references
from modelrollout.ports import CONFIG_MAP, CONTROLLER_REVISION, SECRET, Forbidden, KubeError, Manifest, Unavailable

POD = {
    "volumes": [{"name": "limits", "configMap": {"name": "limits"}}],
    "containers": [
        {
            "name": "model",
            "envFrom": [{"configMapRef": {"name": "limits"}}, {"secretRef": {"name": "keys"}}],
            "volumeMounts": [{"name": "limits", "mountPath": "/limits"}],
        }
    ],
}
SERVING = {**SPEC["serving"], "podTemplate": {"spec": POD}}


def put(world: Simulation, kind: str, name: str, value: str) -> None:
    """What kubectl apply does to a ConfigMap or Secret."""
    manifest = {
        "apiVersion": "v1",
        "kind": kind,
        "metadata": {"namespace": KEY.namespace, "name": name, "uid": f"{kind}-{name}", "resourceVersion": value},
        "data": {"value": value},
    }
    world.server.objects[CONFIG_MAP if kind == "ConfigMap" else SECRET, KEY.namespace, name] = manifest


def serves() -> Simulation:
    """A world whose first version serves, configured by a ConfigMap and a Secret."""
    world = Simulation()
    put(world, "ConfigMap", "limits", "first")
    put(world, "Secret", "keys", "first")
    world.edit_spec(serving=SERVING)
    while not MOMENTS["the first version serves"](world):
        world.run(5)
    return world


def copies(world: Simulation) -> dict[str, Manifest]:
    return {name: item for name, item in world.server.of_kind(CONFIG_MAP).items() if name != "limits"}


def template(world: Simulation, version_hash: str) -> Any:
    return world.deployments()[version_hash]["spec"]["template"]


def test_all_places_that_name_one_are_found() -> None:
    spec = {
        "volumes": [
            {"name": "a", "configMap": {"name": "a"}},
            {"name": "b", "secret": {"secretName": "b"}},
            {"name": "c", "projected": {"sources": [{"configMap": {"name": "c"}}, {"secret": {"name": "d"}}]}},
        ],
        "initContainers": [
            {
                "name": "i",
                "image": "i",
                "env": [{"name": "E", "valueFrom": {"configMapKeyRef": {"name": "e", "key": "k"}}}],
            }
        ],
    }
    env = [{"name": "F", "valueFrom": {"secretKeyRef": {"name": "f", "key": "k"}}}]
    serving = Serving.model_validate({"env": env, "podTemplate": {"spec": spec}})

    assert references(serving) == [
        *(Reference("ConfigMap", name) for name in "ace"),
        *(Reference("Secret", name) for name in "bdf"),
    ]


@pytest.mark.parametrize(("kind", "name"), [("ConfigMap", "limits"), ("Secret", "keys")])
def test_a_change_of_content_is_rolled_out_within_a_minute_and_touches_no_pod_of_the_champion(
    kind: str, name: str
) -> None:
    world = serves()
    champion = world.status().champion
    assert champion
    before = template(world, champion.hash)
    put(world, kind, name, "second")

    world.run(65)

    challenger = world.status().challenger
    assert challenger
    assert challenger.hash != champion.hash
    assert template(world, champion.hash) == before


def test_pods_read_a_copy_that_nobody_can_change_and_that_goes_with_its_revision() -> None:
    world = serves()
    [(name, copy)] = copies(world).items()
    champion = world.status().champion
    assert champion
    pod = template(world, champion.hash)["spec"]

    assert (copy["immutable"], copy["data"]) == (True, {"value": "first"})
    assert next(volume for volume in pod["volumes"] if volume["name"] == "limits")["configMap"]["name"] == name
    assert pod["containers"][0]["envFrom"][0]["configMapRef"]["name"] == name

    put(world, "ConfigMap", "limits", "second")
    world.edit_spec(revisionHistoryLimit=0)
    world.run(900)
    assert [item["data"] for item in copies(world).values()] == [{"value": "second"}]


def test_no_secret_is_copied_and_none_is_told() -> None:
    world = serves()
    put(world, "Secret", "keys", "hunter2")
    world.run(65)

    others = [item for (kind, _, _), item in world.server.objects.items() if kind != SECRET]

    assert "hunter2" not in str(others)


@pytest.mark.parametrize("error", [Forbidden("no"), Unavailable("away")])
def test_what_cannot_be_read_for_a_while_starts_nothing(error: KubeError, monkeypatch: pytest.MonkeyPatch) -> None:
    world = serves()
    get = world.server.get

    async def refuses(kind: Any, namespace: str, name: str) -> Any:
        if kind in (CONFIG_MAP, SECRET):
            raise error
        return await get(kind, namespace, name)

    monkeypatch.setattr(world.server, "get", refuses)
    world.run(130)
    world.restart()
    world.run(130)

    assert world.status().challenger is None


def test_what_is_removed_starts_nothing_and_its_copy_serves_on() -> None:
    world = serves()
    del world.server.objects[CONFIG_MAP, KEY.namespace, "limits"]

    world.run(130)

    assert world.status().challenger is None
    assert len(copies(world)) == 1


def test_a_right_that_comes_later_starts_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    world = Simulation()
    world.server.refusals["ConfigMap"] = Refusal("ConfigMap", REFUSALS["quota"])
    get = world.server.get

    async def refuses(kind: Any, namespace: str, name: str) -> Any:
        if kind in (CONFIG_MAP, SECRET):
            raise Forbidden("no")
        return await get(kind, namespace, name)

    with monkeypatch.context() as forbidden:
        forbidden.setattr(world.server, "get", refuses)
        put(world, "ConfigMap", "limits", "first")
        world.edit_spec(serving=SERVING)
        world.run(60)
    world.run(130)

    assert world.status().champion
    assert world.status().challenger is None


def test_a_steady_state_writes_nothing_and_asks_once_a_minute() -> None:
    world = serves()
    world.run(60)
    before = len(world.server.writes)
    world.server.requests.clear()

    world.run(60)

    assert len(world.server.writes) == before
    assert world.server.requests.count("get limits") <= 2


def test_a_rollout_that_is_made_again_keeps_its_configuration() -> None:
    world = serves()
    champion = world.status().champion
    assert champion
    before = template(world, champion.hash)
    put(world, "ConfigMap", "limits", "second")
    world.make_again()
    world.look()
    world.collect_garbage()
    world.run(10)

    assert template(world, champion.hash) == before
    assert {"value": "first"} in [item["data"] for item in copies(world).values()]
    assert world.server.of_kind(CONTROLLER_REVISION)
