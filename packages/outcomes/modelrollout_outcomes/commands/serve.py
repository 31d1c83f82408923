"""`serve`."""

import logging
from collections.abc import Sequence

import uvicorn

from modelrollout_outcomes.commands.options import parse
from modelrollout_outcomes.service.app import create_app
from modelrollout_outcomes.service.settings import ServiceSettings
from modelrollout_outcomes.service.state import Service
from modelrollout_outcomes.storage.database import open_database
from modelrollout_outcomes.storage.migrate import migrate

_GRACE_SECONDS = 20


def run(program: str, arguments: Sequence[str]) -> None:
    """Serve until it is told to stop. The tables are brought up to date before."""
    settings = parse(ServiceSettings, program, arguments)
    logging.basicConfig(level=settings.log_level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("alembic").setLevel(logging.WARNING)
    database = open_database(settings.database.get_secret_value())
    migrate(database)
    uvicorn.run(
        create_app(Service.of(settings, database)),
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )
