"""Options from flags and environment variables."""

import sys
from collections.abc import Sequence
from typing import TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_settings import BaseSettings, CliApp, SettingsError

USAGE_ERROR = 2

_Settings = TypeVar("_Settings", bound=BaseSettings)


def parse(kind: type[_Settings], program: str, arguments: Sequence[str]) -> _Settings:
    """Settings of a kind from arguments. Exits with a message that names the option if one is wrong."""
    try:
        return CliApp.run(_named(kind, program), cli_args=list(arguments))
    except ValidationError as error:
        problems = [f"{_option(problem['loc'])}{problem['msg']}" for problem in error.errors(include_input=False)]
    except SettingsError as error:
        problems = [str(error)]
    print(f"{program}: error: {'; '.join(problems)}; see {program} --help", file=sys.stderr)
    sys.exit(USAGE_ERROR)


def _option(place: tuple[int | str, ...]) -> str:
    return f"--{str(place[0]).replace('_', '-')}: " if place else ""


def _named(kind: type[_Settings], program: str) -> type[_Settings]:
    """The same settings, which call their program by its name in their help."""
    configured: BaseModel | type[_Settings] = type(
        kind.__name__, (kind,), {"model_config": {"cli_prog_name": program}, "__doc__": kind.__doc__}
    )
    return configured  # type: ignore[return-value]
