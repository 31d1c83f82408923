"""The work queue keeps controller-runtime's contract."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import pytest

from modelrollout.ports import Unavailable
from modelrollout.runtime.queue import LAST_RETRY, LAST_URGENT_RETRY, Key, Urgency, WorkQueue

CHURN, DIGITS = Key("ml", "churn"), Key("ml", "digits")


async def work(
    handler: Callable[[Key], Awaitable[float | None]], script: Callable[[WorkQueue], Awaitable[None]]
) -> None:
    queue = WorkQueue(handler, workers=4)
    running = asyncio.create_task(queue.run())
    try:
        await asyncio.wait_for(script(queue), timeout=30)
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running


async def test_a_key_is_never_handled_by_two_workers_at_once_and_no_addition_is_lost() -> None:
    inside, most, handled = 0, 0, 0
    enough = asyncio.Event()

    async def handler(_: Key) -> None:
        nonlocal inside, most, handled
        inside += 1
        most = max(most, inside)
        await asyncio.sleep(0)
        inside -= 1
        handled += 1
        if handled >= 2:
            enough.set()

    async def script(queue: WorkQueue) -> None:
        queue.add(CHURN)
        await asyncio.sleep(0)
        for _ in range(10):
            queue.add(CHURN)
        await enough.wait()

    await work(handler, script)
    assert most == 1


async def test_different_keys_are_handled_side_by_side() -> None:
    met = asyncio.Barrier(2)

    async def handler(_: Key) -> None:
        await met.wait()

    async def script(queue: WorkQueue) -> None:
        queue.add(CHURN)
        queue.add(DIGITS)
        while queue.depth or met.n_waiting:
            await asyncio.sleep(0)

    await work(handler, script)


async def test_a_handler_that_asks_for_it_is_called_again_later() -> None:
    calls: asyncio.Queue[Key] = asyncio.Queue()

    async def handler(key: Key) -> float:
        await calls.put(key)
        return 0.01

    async def script(queue: WorkQueue) -> None:
        queue.add(CHURN)
        assert [await calls.get() for _ in range(3)] == [CHURN] * 3

    await work(handler, script)


async def test_a_failure_is_retried_until_it_succeeds() -> None:
    outcomes = iter([Unavailable("down"), ValueError("a bug"), None])
    done = asyncio.Event()

    async def handler(_: Key) -> None:
        if error := next(outcomes):
            raise error
        done.set()

    async def script(queue: WorkQueue) -> None:
        queue.add(CHURN)
        await done.wait()

    await work(handler, script)
    assert next(outcomes, "nothing left") == "nothing left"


async def handled_in_order(script: Callable[[WorkQueue], None], urgent: frozenset[Key] = frozenset()) -> list[Key]:
    """The order in which a lone worker handles what was added before it began."""
    handled: list[Key] = []

    async def handler(key: Key) -> None:
        handled.append(key)

    queue = WorkQueue(handler, workers=1, is_urgent=lambda key: key in urgent)
    script(queue)
    running = asyncio.create_task(queue.run())
    while queue.depth:
        await asyncio.sleep(0)
    running.cancel()
    return handled


GOOD = [Key("ml", f"good-{index}") for index in range(5)]


async def test_a_bad_challenger_does_not_wait_behind_good_ones() -> None:
    def script(queue: WorkQueue) -> None:
        for key in [*GOOD, CHURN]:
            queue.add(key, Urgency.DUE)

    assert (await handled_in_order(script, urgent=frozenset({CHURN})))[0] == CHURN


async def test_what_has_happened_goes_before_what_is_due() -> None:
    def script(queue: WorkQueue) -> None:
        for key in [*GOOD, CHURN]:
            queue.add(key, Urgency.DUE)
        queue.add(CHURN)
        queue.add(CHURN, Urgency.DUE)

    assert await handled_in_order(script) == [CHURN, *GOOD]


async def test_whoever_was_looked_at_least_recently_goes_first() -> None:
    order: list[Key] = []
    enough = asyncio.Event()

    async def handler(key: Key) -> float:
        order.append(key)
        if len(order) == 3:
            queue.add(CHURN)
            queue.add(DIGITS)
        if len(order) == 5:
            enough.set()
        return 3600

    queue = WorkQueue(handler, workers=1)
    for key in (DIGITS, CHURN):
        queue.add(key, Urgency.CHANGED)
    queue.add(GOOD[0], Urgency.DUE)
    running = asyncio.create_task(queue.run())
    await asyncio.wait_for(enough.wait(), 30)
    running.cancel()
    assert order[3:] == order[:2]


async def test_the_wait_for_a_worker_is_told() -> None:
    waits: list[float] = []

    async def handler(_: Key) -> None:
        pass

    queue = WorkQueue(handler, workers=1, waited=waits.append)
    queue.add(CHURN)
    running = asyncio.create_task(queue.run())
    while not waits:
        await asyncio.sleep(0)
    running.cancel()
    assert waits[0] >= 0


@pytest.mark.parametrize(("urgent", "longest"), [(True, LAST_URGENT_RETRY), (False, LAST_RETRY)])
async def test_a_key_whose_traffic_may_have_to_be_taken_away_is_tried_again_soon_however_often_it_failed(
    urgent: bool, longest: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    delays: list[float] = []

    async def handler(_: Key) -> None:
        await asyncio.sleep(0)
        raise Unavailable("the API server does not answer")

    queue = WorkQueue(handler, workers=1, is_urgent=lambda _: urgent)

    def again(key: Key, delay: float) -> None:
        delays.append(delay)
        queue.add(key)

    monkeypatch.setattr(queue, "add_after", again)
    queue.add(CHURN)
    running = asyncio.create_task(queue.run())
    while len(delays) < 20:
        await asyncio.sleep(0)
    running.cancel()
    assert longest / 2 <= max(delays) <= longest
