"""One replica writes; the others wait."""

import asyncio
import threading
from collections.abc import Awaitable, Callable

import pytest
from tests.unit.kube.fake_client import FakeKubeClient

from modelrollout.ports import LEASE, Conflict, KubeError, Manifest, Unavailable
from modelrollout.runtime import leadership as module
from modelrollout.runtime.leadership import FENCE_SECONDS, LEASE_SECONDS, Leadership
from modelrollout.runtime.loop_thread import LoopThread


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(module, "monotonic", clock)
    return clock


def contender(client: FakeKubeClient, name: str) -> Leadership:
    return Leadership(client, "system", "lease", name)


async def test_the_first_replica_leads_and_the_second_does_not(clock: Clock) -> None:
    client = FakeKubeClient()
    first, second = contender(client, "a"), contender(client, "b")
    await first.acquire()
    assert first.held
    assert not await second._try()


async def test_a_lease_that_is_not_renewed_is_taken_over_after_its_duration_and_not_before(clock: Clock) -> None:
    client = FakeKubeClient()
    first, second = contender(client, "a"), contender(client, "b")
    await first.acquire()
    assert not await second._try()
    clock.now += LEASE_SECONDS - 1
    assert not await second._try()
    clock.now += 2
    assert await second._try()
    assert not first.held


async def test_a_released_lease_is_free_at_once(clock: Clock) -> None:
    client = FakeKubeClient()
    first, second = contender(client, "a"), contender(client, "b")
    await first.acquire()
    await first.release()
    assert await second._try()
    assert client.objects[LEASE, "system", "lease"]["spec"]["holderIdentity"] == "b"


async def test_the_time_that_is_left_to_write_runs_out_before_another_replica_may_take_the_lease(clock: Clock) -> None:
    leader = contender(FakeKubeClient(), "a")
    assert leader.remaining() == 0
    await leader.acquire()
    assert leader.remaining() == FENCE_SECONDS < LEASE_SECONDS
    clock.now += FENCE_SECONDS - 1
    assert leader.remaining() == 1
    clock.now += 1
    assert not leader.held


async def test_a_lease_is_renewed_while_the_event_loop_of_the_reconciles_is_busy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "RENEW_SECONDS", 0.02)
    renewed = threading.Event()

    class Client(FakeKubeClient):
        async def apply(self, manifest: Manifest, *, force: bool = True) -> Manifest:
            renewed.set()
            return await super().apply(manifest, force=force)

    with LoopThread("lease") as thread:
        leader = contender(Client(), "a")
        await thread.run(leader.acquire())
        renewed.clear()
        keeping = asyncio.create_task(thread.run(leader.keep()))
        await asyncio.sleep(0)
        # Nothing else runs on this loop until the Lease is renewed.
        assert renewed.wait(timeout=10)
        keeping.cancel()


async def test_a_renewal_whose_answer_is_lost_is_made_again_long_before_the_fence_falls(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The API server has done it, and tells whoever repeats it that the Lease has changed."""
    monkeypatch.setattr(module, "RENEW_SECONDS", 0.02)
    answers: list[KubeError | None] = [
        None,
        Unavailable("nothing within 5 s"),
        Conflict("the object has changed"),
        None,
    ]
    delays: list[float] = []
    done = asyncio.Event()

    class Client(FakeKubeClient):
        async def apply(self, manifest: Manifest, *, force: bool = True) -> Manifest:
            lease = await super().apply(manifest, force=force)
            if answers and (error := answers.pop(0)):
                raise error
            if not answers:
                done.set()
            return lease

    async def sleep(seconds: float, real: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        delays.append(seconds)
        await real(0)

    leader = contender(Client(), "a")
    await leader.acquire()
    monkeypatch.setattr(module.asyncio, "sleep", sleep)
    keeping = asyncio.create_task(leader.keep())
    await asyncio.wait_for(done.wait(), 10)
    keeping.cancel()
    assert leader.held
    assert sum(delays[:4]) < FENCE_SECONDS / 4


async def test_what_is_cancelled_here_is_cancelled_on_the_other_thread() -> None:
    ended = threading.Event()

    async def wait_for_ever() -> None:
        try:
            await asyncio.sleep(3600)
        finally:
            ended.set()

    with LoopThread("other") as thread:
        waiting = asyncio.create_task(thread.run(wait_for_ever()))
        await asyncio.sleep(0.01)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert ended.wait(timeout=10)
