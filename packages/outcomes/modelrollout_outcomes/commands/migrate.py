"""`migrate`."""

from collections.abc import Sequence

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from modelrollout_outcomes.commands.options import parse
from modelrollout_outcomes.service.settings import ENVIRONMENT_PREFIX
from modelrollout_outcomes.storage.database import open_database
from modelrollout_outcomes.storage.migrate import migrate


class MigrateOptions(BaseSettings):
    """Bring the tables of the database to what this version of the service needs, all or nothing."""

    model_config = SettingsConfigDict(frozen=True, env_prefix=ENVIRONMENT_PREFIX, cli_kebab_case=True)

    database: SecretStr = Field(description="postgresql://user:password@host/name or sqlite:///file")


def run(program: str, arguments: Sequence[str]) -> None:
    """Migrate, and say so."""
    database = open_database(parse(MigrateOptions, program, arguments).database.get_secret_value())
    migrate(database)
    print("The tables are up to date.")
