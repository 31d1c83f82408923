"""Revisions on a real API server: what is stored, what is copied, what an edit touches, and the way back."""

from collections.abc import AsyncIterator

import pytest
from tests.cluster.site import Site, serving_site

from modelrollout.cli.cluster import Cluster as Rollouts
from modelrollout.cli.cluster import Connection
from modelrollout.cli.revisions import History, Undo, run_undo, show_history
from modelrollout.ports import CONFIG_MAP, MODEL_ROLLOUT, Invalid
from modelrollout_localcluster import Cluster


@pytest.fixture
async def site(control_plane: Cluster, gateway_api: None, namespace: str) -> AsyncIterator[Site]:
    async with serving_site(control_plane.kubeconfig, namespace) as site:
        yield site


async def test_a_revision_and_an_unchangeable_copy_are_stored_once_and_belong_to_the_rollout(site: Site) -> None:
    [revision] = await site.revisions()
    copy = await site.client.get(CONFIG_MAP, site.namespace, revision["data"]["copies"]["limits"])
    uid = (await site.rollout())["metadata"]["uid"]

    assert copy
    assert (copy["immutable"], copy["data"]) == (True, {"value": "first"})
    assert {item["metadata"]["ownerReferences"][0]["uid"] for item in (copy, revision)} == {uid}
    assert "hunter2" not in str(revision)
    assert await site.look() == []
    with pytest.raises(Invalid, match="immutable"):
        await site.client.merge(CONFIG_MAP, site.namespace, copy["metadata"]["name"], {"data": {"value": "other"}})


async def test_an_edit_and_new_content_are_challengers_that_leave_the_champion_s_pods_alone(site: Site) -> None:
    before = await site.templates()
    await site.client.merge(CONFIG_MAP, site.namespace, "limits", {"data": {"value": "second"}})
    site.later = 61.0
    await site.look()
    first = (await site.rollout())["status"]["challenger"]["hash"]
    await site.client.merge(MODEL_ROLLOUT, site.namespace, "churn", {"spec": {"serving": {"port": 8080}}})
    await site.look()
    second = (await site.rollout())["status"]["challenger"]["hash"]

    assert first != second
    assert before.items() <= (await site.templates()).items()
    assert [item["revision"] for item in sorted(await site.revisions(), key=lambda item: item["revision"])][-1] >= 2


async def test_undo_takes_the_edit_back_and_nothing_else(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    asked = (await site.rollout())["spec"]
    edit = {"spec": {"serving": {"port": 8080, "replicas": 3, "env": None}}}
    await site.client.merge(MODEL_ROLLOUT, site.namespace, "churn", edit)
    await site.look()
    rollouts, nowhere = Rollouts(site.client, site.namespace), Connection(None, None, None)

    await show_history(History(nowhere, "churn", "text"), rollouts)
    await run_undo(Undo(nowhere, "churn", 0, False, 1.0), rollouts)
    await site.look()

    assert "env, port" in capsys.readouterr().out
    rollout = await site.rollout()
    assert rollout["spec"] == {**asked, "serving": {**asked["serving"], "replicas": 3}}
    assert "challenger" not in rollout["status"]
