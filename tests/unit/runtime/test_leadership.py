"""One replica writes; the others wait."""

import pytest
from tests.unit.kube.fake_client import FakeKubeClient

from modelrollout.ports import LEASE, Unavailable
from modelrollout.runtime import leadership as module
from modelrollout.runtime.leadership import LEASE_SECONDS, FencedClient, Leadership


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


async def test_whoever_could_not_renew_in_time_may_read_but_not_write(clock: Clock) -> None:
    client = FakeKubeClient()
    leader = contender(client, "a")
    await leader.acquire()
    fenced = FencedClient(client, leader)
    clock.now += LEASE_SECONDS - 1
    assert await fenced.get(LEASE, "system", "lease") is not None
    with pytest.raises(Unavailable, match="not the leader"):
        await fenced.delete(LEASE, "system", "lease", "uid")
    assert (LEASE, "system", "lease") in client.objects
