"""A long decision keeps nobody else from the event loop."""

import asyncio
import threading
from types import SimpleNamespace
from typing import Any, cast

import pytest
from tests.unit.rollout.world import START, World, spec

from modelrollout.api.rollout import ModelRollout
from modelrollout.rollout import decide as deciding_rules
from modelrollout.rollout.observation import Observation
from modelrollout.rollout.plan import Plan
from modelrollout.runtime import deciding
from modelrollout.runtime.deciding import Decider
from modelrollout.runtime.understanding import Understood


def test_while_a_backlog_is_judged_the_lease_can_be_renewed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The decision waits for something that only the event loop does: on the loop itself it would wait for ever."""
    renewed, threads = threading.Event(), set()

    def slow(*arguments: Any) -> Plan:
        threads.add(threading.get_ident())
        assert renewed.wait(timeout=10)
        return deciding_rules.decide(*arguments)

    async def look() -> Plan:
        asyncio.get_running_loop().call_later(0.01, renewed.set)
        return await decider().plan(*cast(Any, (None, understood(), None, None, {}, "")))

    monkeypatch.setattr(deciding, "decide", slow)
    plan = asyncio.run(look())
    assert plan.status.champion is not None
    assert threads
    assert threading.get_ident() not in threads


def decider() -> Decider:
    world = World()

    async def observe(*_: Any) -> Observation:
        return world.observe()

    return Decider(cast(Any, SimpleNamespace(observe=observe, settings=world.settings, now=lambda: START)), None)


def understood() -> Understood:
    manifest = {"metadata": {"name": "churn", "namespace": "ml"}, "spec": spec().model_dump(by_alias=True, mode="json")}
    rollout = ModelRollout.model_validate(
        {"apiVersion": "modelrollout.io/v1alpha1", "kind": "ModelRollout", **manifest}
    )
    return cast(Understood, SimpleNamespace(rollout=rollout, problems=()))
