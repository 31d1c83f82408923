"""The ASGI application."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, HTTPException, Request
from fastapi.exception_handlers import http_exception_handler
from starlette.responses import PlainTextResponse, Response

from modelrollout_outcomes.errors import BusyError
from modelrollout_outcomes.service import metrics, predictions, truths
from modelrollout_outcomes.service.access import OpenAccess
from modelrollout_outcomes.service.state import Service
from modelrollout_outcomes.service.turns import Turns, busy
from modelrollout_outcomes.service.upkeep import Upkeep
from modelrollout_outcomes.storage.migrate import is_up_to_date


def create_app(service: Service) -> FastAPI:
    """The service over a database whose tables are up to date. It counts while it runs."""
    settings = service.settings
    turns, readers = Turns(settings.max_requests), Turns(4)
    access = OpenAccess()

    @asynccontextmanager
    async def counting(_: FastAPI) -> AsyncIterator[None]:
        upkeep = Upkeep(service)
        upkeep.start()
        yield
        upkeep.stop()

    app = FastAPI(title="Model Rollout outcomes", version="0.1.0", lifespan=counting)
    app.include_router(predictions.routes(service, access, turns))
    app.include_router(truths.routes(service, access, turns))
    app.include_router(metrics.routes(service, readers))

    @app.exception_handler(BusyError)
    async def _busy(request: Request, error: Exception) -> Response:
        return await http_exception_handler(request, busy(str(error)))

    @app.get("/healthz", response_class=PlainTextResponse)
    async def healthz() -> str:
        """Whether the process answers."""
        return "ok"

    @app.get("/readyz", response_class=PlainTextResponse)
    async def readyz() -> str:
        """Whether the database answers and has the tables of this version."""
        if not await readers.run(is_up_to_date, service.database):
            raise HTTPException(503, "the tables are of another version: run modelrollout-outcomes migrate")
        return "ok"

    return app
