"""What the watches have shown is read without a request, and no older than what was written."""

from typing import Any

import pytest
from tests.unit.kube.fake_client import FakeKubeClient

from modelrollout.kube.cache import CachedClient, ObjectCache
from modelrollout.ports import DEPLOYMENT, EVENT, HTTP_ROUTE, MODEL_ROLLOUT, Conflict, Manifest, ResourceKind
from modelrollout_contract.objects import ROLLOUT_LABEL

KINDS = (MODEL_ROLLOUT, DEPLOYMENT, HTTP_ROUTE)
LABELS = {ROLLOUT_LABEL: "churn"}


def thing(kind: ResourceKind, name: str, version: int, *, uid: str = "", **metadata: Any) -> Manifest:
    identity = {"namespace": "ml", "name": name, "uid": uid or f"uid-{name}", "resourceVersion": str(version)}
    labels = {} if kind == MODEL_ROLLOUT else {"labels": LABELS}
    return {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": {**identity, **labels, **metadata}}


@pytest.fixture
def cache() -> ObjectCache:
    return ObjectCache(KINDS)


def versions(cache: ObjectCache, kind: ResourceKind = DEPLOYMENT) -> dict[str, str]:
    return {item["metadata"]["name"]: item["metadata"]["resourceVersion"] for item in cache.of_kind(kind)}


def test_an_object_is_found_by_its_name_and_by_the_rollout_it_was_made_for(cache: ObjectCache) -> None:
    made = thing(DEPLOYMENT, "churn-a", 1)
    cache.put(made)
    cache.put(thing(DEPLOYMENT, "fraud-a", 1, labels={ROLLOUT_LABEL: "fraud"}))
    assert cache.get(DEPLOYMENT, "ml", "churn-a") is made
    assert cache.made_for(DEPLOYMENT, "ml", "churn") == [made]


def test_an_object_that_gets_another_label_is_made_for_another_rollout(cache: ObjectCache) -> None:
    cache.put(thing(DEPLOYMENT, "churn-a", 1))
    cache.put(thing(DEPLOYMENT, "churn-a", 2, labels={ROLLOUT_LABEL: "fraud"}))
    assert cache.made_for(DEPLOYMENT, "ml", "churn") == []
    assert len(cache.made_for(DEPLOYMENT, "ml", "fraud")) == 1


@pytest.mark.parametrize(("arrives", "kept"), [(9, "10"), (10, "10"), (11, "11")])
def test_what_is_older_than_what_is_known_changes_nothing(cache: ObjectCache, arrives: int, kept: str) -> None:
    cache.put(thing(DEPLOYMENT, "churn-a", 10))
    assert cache.put(thing(DEPLOYMENT, "churn-a", arrives)) is (kept == "11")
    assert versions(cache) == {"churn-a": kept}


def test_the_end_of_an_object_does_not_take_the_one_that_was_made_in_its_place(cache: ObjectCache) -> None:
    cache.put(thing(DEPLOYMENT, "churn-a", 2, uid="new"))
    cache.drop(thing(DEPLOYMENT, "churn-a", 3, uid="old"))
    assert versions(cache) == {"churn-a": "2"}
    cache.drop(thing(DEPLOYMENT, "churn-a", 3, uid="new"))
    assert versions(cache) == {}
    assert cache.made_for(DEPLOYMENT, "ml", "churn") == []


async def test_what_no_watch_has_told_of_is_made_good(cache: ObjectCache) -> None:
    cache.put(thing(DEPLOYMENT, "removed", 1))
    cache.put(thing(DEPLOYMENT, "changed", 1))
    await cache.refresh(FakeKubeClient(thing(DEPLOYMENT, "changed", 5), thing(DEPLOYMENT, "added", 6)), [None])
    assert versions(cache) == {"changed": "5", "added": "6"}


async def test_what_a_watch_tells_while_a_list_is_read_is_newer_than_the_list(cache: ObjectCache) -> None:
    cache.put(thing(DEPLOYMENT, "removed", 1))

    class Meanwhile(FakeKubeClient):
        async def list(self, *arguments: Any) -> list[Manifest]:
            listed = await super().list(*arguments)
            cache.drop(thing(DEPLOYMENT, "removed", 1))
            cache.put(thing(DEPLOYMENT, "made", 8))
            return listed

    await cache.refresh(Meanwhile(thing(DEPLOYMENT, "removed", 1)), ["ml"])
    assert versions(cache) == {"made": "8"}


async def test_reads_of_what_is_watched_cost_no_request_and_see_what_was_written(cache: ObjectCache) -> None:
    server = FakeKubeClient()
    client = CachedClient(server, cache)
    made = await client.apply(thing(DEPLOYMENT, "churn-a", 1))
    server.requests.clear()
    assert await client.get(DEPLOYMENT, "ml", "churn-a") == made
    assert await client.list(DEPLOYMENT, "ml", LABELS) == [made]
    assert server.requests == []
    await client.delete(DEPLOYMENT, "ml", "churn-a", made["metadata"]["uid"])
    assert await client.list(DEPLOYMENT, "ml", LABELS) == []


async def test_a_stranger_of_the_same_name_is_not_taken_for_absent(cache: ObjectCache) -> None:
    stranger = thing(HTTP_ROUTE, "churn", 1, labels={})
    assert await CachedClient(FakeKubeClient(stranger), cache).get(HTTP_ROUTE, "ml", "churn") == stranger


async def test_what_is_not_watched_is_asked_for(cache: ObjectCache) -> None:
    server = FakeKubeClient(thing(EVENT, "churn.1", 1))
    client = CachedClient(server, cache)
    assert len(await client.list(EVENT, "ml", LABELS)) == 1
    assert len(await client.list(DEPLOYMENT, None, LABELS)) == 0
    assert len(server.requests) == 2
    await client.apply(thing(EVENT, "churn.2", 2))
    assert cache.of_kind(EVENT) == []


async def test_a_conflict_with_what_no_watch_has_told_of_happens_once(cache: ObjectCache) -> None:
    class Server(FakeKubeClient):
        async def apply_status(self, manifest: Manifest) -> Manifest:
            raise Conflict("it has changed")

    cache.put(thing(MODEL_ROLLOUT, "churn", 1))
    client = CachedClient(Server(thing(MODEL_ROLLOUT, "churn", 2)), cache)
    with pytest.raises(Conflict):
        await client.apply_status({**thing(MODEL_ROLLOUT, "churn", 1), "status": {}})
    assert versions(cache, MODEL_ROLLOUT) == {"churn": "2"}
