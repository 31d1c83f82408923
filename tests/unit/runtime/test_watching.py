"""Watches that break are taken up again at a pace, and given up on when that does not help."""

from collections.abc import AsyncIterator, Iterator

import pytest
from aiohttp import ClientError, ClientSession
from tests.unit.kube.scripted_server import HANG_UP, Answer, ScriptedServer

from modelrollout.runtime import watching
from modelrollout.runtime.watching import MAX_BROKEN, Pace, WatchesBroken


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as server:
        server.script([Answer(200, "")])
        yield server


@pytest.fixture
def waits() -> list[float]:
    return []


@pytest.fixture
async def session(server: ScriptedServer, waits: list[float]) -> AsyncIterator[ClientSession]:
    async def remember(seconds: float) -> None:
        waits.append(seconds)

    async with ClientSession(server.url, middlewares=(Pace(remember),)) as session:
        yield session


async def watch(session: ClientSession, path: str = "/pods") -> None:
    async with session.get(path, params={"watch": "true"}) as answer:
        await answer.read()


async def test_watches_that_break_at_once_are_paced_and_then_given_up_on(
    session: ClientSession, server: ScriptedServer, waits: list[float]
) -> None:
    for _ in range(MAX_BROKEN):
        await watch(session)
    with pytest.raises(WatchesBroken, match=f"{MAX_BROKEN} watches of /pods in a row"):
        await watch(session)
    assert len(server.asked) == MAX_BROKEN
    assert sum(waits) > 20


async def test_one_that_lasted_is_followed_at_once(
    session: ClientSession, waits: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "LASTING_SECONDS", 0.0)
    for _ in range(2 * MAX_BROKEN):
        await watch(session)
    assert waits == []


async def test_kinds_are_paced_apart_and_other_requests_not_at_all(session: ClientSession, waits: list[float]) -> None:
    await watch(session, "/pods")
    await watch(session, "/services")
    for _ in range(2 * MAX_BROKEN):
        await (await session.get("/pods")).read()
    assert waits == []


async def test_a_server_that_is_away_is_not_given_up_on(
    session: ClientSession, server: ScriptedServer, waits: list[float]
) -> None:
    server.script([HANG_UP])
    for _ in range(2 * MAX_BROKEN):
        with pytest.raises(ClientError, match="disconnected"):
            await watch(session)
    assert waits == []
