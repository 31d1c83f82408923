"""Predictions are known by their requests."""

import asyncio
from collections.abc import Callable
from uuid import UUID

import httpx
import pytest
from tests.unit.serving.sinks import record

from modelrollout_serving import Record
from modelrollout_serving.requests import CURRENT, Receive, Request, RequestMiddleware, Scope, Send

GIVEN = "5e4c9d0c-8a53-4be0-92ff-3a4b6f1f7a55"

Act = Callable[[], None]


class Served:
    """An application that predicts as `act` says, behind the middleware. records: what was delivered, in order."""

    def __init__(self, act: Act, batched: frozenset[str] = frozenset()) -> None:
        self.records: list[Record] = []
        self.events: list[str] = []
        self._act = act
        self.app = RequestMiddleware(
            self._answer,
            deliver=self.records.append,
            batched=batched,
            started=lambda: self.events.append("started"),
            ended=lambda: self.events.append("ended"),
        )

    async def ask(self, path: str = "/predict", host: str = "digits.example", **headers: str) -> httpx.Response:
        transport = httpx.ASGITransport(self.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://pod") as client:
            named = {name.replace("_", "-"): value.encode() for name, value in headers.items()}
            return await client.post(path, headers={"host": host.encode(), **named})

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.to_thread(self._act)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def predict() -> None:
    """Record a prediction for the request that is being answered, from the thread of a method."""
    request = CURRENT.get()
    assert request is not None
    request.add(record(request=request.next_id(), endpoint=request.endpoint, shadow=request.shadow, arm=request.arm))


async def test_the_id_of_the_request_is_that_of_the_record_and_in_the_answer() -> None:
    served = Served(predict)
    answer = await served.ask(x_request_id=GIVEN)
    assert answer.headers["x-request-id"] == GIVEN
    [one] = served.records
    assert (one.request, one.endpoint) == (GIVEN, "/predict")
    assert one.latency is not None
    assert one.latency > 0


@pytest.mark.parametrize("useless", ["", "with space", "x" * 129, "caf\u00e9"])
async def test_a_request_without_a_usable_id_gets_one(useless: str) -> None:
    served = Served(predict)
    headers = {"x_request_id": useless} if useless else {}
    answer = await served.ask(**headers)
    assert str(UUID(answer.headers["x-request-id"])) == served.records[0].request


async def test_each_further_prediction_of_a_request_has_a_number() -> None:
    def predict_thrice() -> None:
        for _ in range(3):
            predict()

    served = Served(predict_thrice)
    await served.ask(x_request_id=GIVEN)
    assert [one.request for one in served.records] == [GIVEN, f"{GIVEN}/1", f"{GIVEN}/2"]


@pytest.mark.parametrize(
    ("host", "shadow"),
    [
        ("digits.example-shadow", True),
        ("digits.example-shadow:8080", True),
        ("digits.example", False),
        ("digits-shadow.example", False),
        ("digits.example:8080", False),
    ],
)
async def test_a_mirrored_copy_is_known_by_its_host(host: str, shadow: bool) -> None:
    served = Served(predict)
    await served.ask(host=host)
    assert served.records[0].shadow is shadow


async def test_the_arm_is_what_the_gateway_says() -> None:
    served = Served(predict)
    await served.ask()
    await served.ask(x_modelrollout_arm="challenger")
    assert [one.arm for one in served.records] == [None, "challenger"]


async def test_a_batched_method_answers_several_requests_and_knows_none() -> None:
    seen: list[Request | None] = []
    served = Served(lambda: seen.append(CURRENT.get()), batched=frozenset({"/predict"}))
    answer = await served.ask(x_request_id=GIVEN)
    assert seen == [None]
    assert answer.headers["x-request-id"] == GIVEN


async def test_probes_pass_untouched() -> None:
    served = Served(lambda: None)
    assert "x-request-id" not in (await served.ask("/readyz")).headers


async def test_a_prediction_that_comes_after_the_answer_is_delivered_at_once() -> None:
    later: list[Request] = []

    def keep() -> None:
        request = CURRENT.get()
        assert request is not None
        later.append(request)

    served = Served(keep)
    await served.ask(x_request_id=GIVEN)
    assert served.records == []
    later[0].add(record(1))
    assert [one.request for one in served.records] == ["request-1"]


async def test_a_request_that_fails_after_its_prediction_is_recorded_all_the_same() -> None:
    def predict_and_fail() -> None:
        predict()
        raise ZeroDivisionError

    served = Served(predict_and_fail)
    with pytest.raises(ZeroDivisionError):
        await served.ask()
    assert len(served.records) == 1


async def test_requests_at_the_same_time_keep_their_ids_apart() -> None:
    served = Served(predict)
    ids = [f"id-{number}" for number in range(50)]
    await asyncio.gather(*(served.ask(x_request_id=one) for one in ids))
    assert sorted(one.request for one in served.records) == sorted(ids)


async def test_what_waits_is_sent_before_the_end_of_the_service_is_told() -> None:
    served = Served(lambda: None)
    told: list[str] = []

    async def lifespan(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "lifespan.startup.complete"})
        await send({"type": "lifespan.shutdown.complete"})

    async def send(message: object) -> None:
        told.append(f"{message['type']} after {served.events}")  # type: ignore[index]

    async def receive() -> dict[str, object]:
        return {}

    served.app._app = lifespan
    await served.app({"type": "lifespan"}, receive, send)
    assert told == [
        "lifespan.startup.complete after ['started']",
        "lifespan.shutdown.complete after ['started', 'ended']",
    ]
