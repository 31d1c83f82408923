"""The ASGI application."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI, HTTPException, Request
from fastapi.exception_handlers import http_exception_handler
from starlette.responses import PlainTextResponse, Response

from modelrollout_outcomes.errors import BusyError, OutcomesError
from modelrollout_outcomes.service import metrics, pairs, predictions, rollouts, tables, truths
from modelrollout_outcomes.service.access import Access, OpenAccess, TokenAccess
from modelrollout_outcomes.service.kubernetes import ApiServer, KubernetesAccess
from modelrollout_outcomes.service.proxy import ProxyAccess
from modelrollout_outcomes.service.settings import ServiceSettings
from modelrollout_outcomes.service.state import Service
from modelrollout_outcomes.service.turns import Turns, busy
from modelrollout_outcomes.service.upkeep import Upkeep
from modelrollout_outcomes.storage.migrate import is_up_to_date


def create_app(service: Service, api: ApiServer | None = None) -> FastAPI:
    """The service over a database whose tables are up to date. It counts while it runs."""
    settings = service.settings
    turns, readers = Turns(settings.max_requests), Turns(4)
    access = _access(settings, api)

    @asynccontextmanager
    async def counting(_: FastAPI) -> AsyncIterator[None]:
        upkeep = Upkeep(service)
        upkeep.start()
        yield
        upkeep.stop()

    app = FastAPI(title="Model Rollout outcomes", version="0.1.0", lifespan=counting)
    app.include_router(predictions.routes(service, access, turns))
    app.include_router(truths.routes(service, access, turns))
    app.include_router(tables.routes(service, access, turns))
    app.include_router(rollouts.routes(service, access, readers))
    app.include_router(pairs.routes(service, access, readers))
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


def _access(settings: ServiceSettings, api: ApiServer | None) -> Access:
    access: Access = OpenAccess()
    if settings.access == "tokens" and settings.tokens_file is not None:
        access = TokenAccess(_tokens(settings.tokens_file))
    elif settings.access == "kubernetes":
        api = api or ApiServer.of_pod()
        access = KubernetesAccess(api, settings.audience)
    if settings.proxy_header:
        access = ProxyAccess(settings.proxy_header, settings.proxy_secret.get_secret_value(), access, api)
    return access


def _tokens(file: Path) -> dict[str, frozenset[str]]:
    """Tokens by line, each with its namespaces. Raises OutcomesError if one has none."""
    tokens = {}
    for number, line in enumerate(file.read_text().splitlines(), start=1):
        if not line.strip():
            continue
        token, _, namespaces = line.strip().partition(" ")
        if not namespaces.strip():
            raise OutcomesError(f"{file}, line {number}: after the token, name its namespaces, or * for all of them")
        tokens[token] = frozenset(each.strip() for each in namespaces.split(","))
    return tokens
