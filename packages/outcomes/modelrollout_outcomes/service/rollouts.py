"""What there is of one rollout: `/v1/rollouts/{namespace}/{rollout}/...`."""

from collections.abc import Iterator
from typing import Any

from fastapi import APIRouter, HTTPException, Request
from pydantic import BaseModel
from pydantic_core import to_json
from starlette.concurrency import iterate_in_threadpool
from starlette.responses import StreamingResponse

from modelrollout_outcomes.durations import Duration
from modelrollout_outcomes.service.access import Access, require
from modelrollout_outcomes.service.state import Service
from modelrollout_outcomes.service.turns import Turns
from modelrollout_outcomes.storage.directory import RolloutName, find_rollout
from modelrollout_outcomes.storage.export import exported
from modelrollout_outcomes.storage.maturing import want_maturities
from modelrollout_outcomes.storage.retention import forget_key
from modelrollout_outcomes.storage.status import MaturityStatus, status_of

PATH = "/v1/rollouts/{namespace}/{rollout}"


class Maturities(BaseModel):
    """Times since a request at which its prediction counts."""

    maturities: list[Duration]


class Forgotten(BaseModel):
    """How many predictions were removed."""

    predictions: int


def routes(service: Service, access: Access, turns: Turns) -> APIRouter:
    """The routes of a rollout."""
    router = APIRouter(tags=["rollouts"])

    @router.put(f"{PATH}/maturities", status_code=204)
    async def put_maturities(namespace: str, rollout: str, body: Maturities, request: Request) -> None:
        """Count at these maturities too, from the oldest prediction that is stored on."""
        name = RolloutName(namespace, rollout)
        await require(await access.caller(request), "update", "outcomes", name)
        if any(each + 86400 > service.settings.retention for each in body.maturities):
            raise HTTPException(422, "a maturity must be a day shorter than predictions are kept")
        await turns.run(_want, service, name, body.maturities)

    @router.delete(f"{PATH}/keys/{{key:path}}")
    async def delete_key(namespace: str, rollout: str, key: str, request: Request) -> Forgotten:
        """Remove every prediction with a key, its input and its truth. What was counted stays: it names nobody."""
        name = RolloutName(namespace, rollout)
        await require(await access.caller(request), "delete", "predictions", name)
        return Forgotten(predictions=await turns.run(_forget, service, name, key))

    @router.get(f"{PATH}/status")
    async def get_status(namespace: str, rollout: str, request: Request) -> list[MaturityStatus]:
        """What has been counted, by maturity and version, and the share that had a truth."""
        name = RolloutName(namespace, rollout)
        await require(await access.caller(request), "get", "outcomes", name)
        return await turns.run(status_of, service.database, name)

    @router.get(f"{PATH}/export", response_class=StreamingResponse)
    async def get_export(namespace: str, rollout: str, request: Request) -> StreamingResponse:
        """Every prediction that has a truth, a line of JSON each: input, prediction, truth, by whom and when."""
        name = RolloutName(namespace, rollout)
        await require(await access.caller(request), "get", "outcomes", name)
        lines = _lines(service, name)
        return StreamingResponse(iterate_in_threadpool(lines), media_type="application/x-ndjson")

    return router


def _want(service: Service, name: RolloutName, wanted: list[int]) -> None:
    rollout = service.directory.rollout(name)
    with service.database.writing() as connection:
        want_maturities(service.database, connection, rollout, wanted)


def _forget(service: Service, name: RolloutName, key: str) -> int:
    with service.database.reading() as connection:
        rollout = find_rollout(connection, name)
    return 0 if rollout is None else forget_key(service.database, rollout, key)


def _lines(service: Service, name: RolloutName) -> Iterator[bytes]:
    for row in exported(service.database, name):
        line: dict[str, Any] = row
        yield to_json(line) + b"\n"
