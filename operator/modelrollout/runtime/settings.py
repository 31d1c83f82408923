"""Settings of the operator process: flags, environment variables, defaults and help texts in one place."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn

from kubernetes.utils.quantity import parse_quantity
from pydantic import BeforeValidator, Field, PositiveInt, ValidationError
from pydantic_settings import BaseSettings, CliApp, NoDecode, SettingsConfigDict, SettingsError

from modelrollout.rollout.settings import Settings as DecisionSettings

PROGRAM = "modelrollout-operator"
ENVIRONMENT_PREFIX = "MODELROLLOUT_"
USAGE_ERROR = 2


def _listed(value: Any) -> Any:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _bytes(value: Any) -> Any:
    try:
        return int(parse_quantity(value))  # type: ignore[no-untyped-call]
    except ValueError as error:
        raise ValueError("must be a quantity of bytes like 1Gi") from error


Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Bytes = Annotated[PositiveInt, BeforeValidator(_bytes)]
Listed = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_listed)]


class OperatorSettings(BaseSettings):
    """Rolls out BentoML models: champion, challenger, proof, promotion, rollback.

    Each option can be given by an environment variable too, MODELROLLOUT_ and its name in capitals.
    """

    model_config = SettingsConfigDict(
        frozen=True,
        env_prefix=ENVIRONMENT_PREFIX,
        cli_prog_name=PROGRAM,
        cli_kebab_case=True,
        cli_implicit_flags=True,
        cli_hide_none_type=True,
        cli_avoid_json=True,
    )

    prometheus_url: str = Field(description="where the metrics are, e.g. http://prometheus.monitoring:9090")
    prometheus_credentials: Path | None = Field(
        None,
        description="directory with what Prometheus wants, each in a file that may be missing: `headers` (lines like"
        " `X-Scope-OrgID: team-a`), `token`, or `username` and `password`, `ca.crt`, `tls.crt` and `tls.key`",
    )
    prometheus_of_namespaces: Path | None = Field(
        None,
        description="directory with such a directory for each namespace that is asked about in a way of its own; a file"
        " `url` names a Prometheus of its own",
    )
    namespace: Listed = Field((), description="watch only this namespace; may be repeated")
    query_gates: Listed = Field(
        ("*",), description="allow gates of kind query in this namespace; may be repeated, * for all, empty for none"
    )
    scrape_interval: Seconds = Field(15.0, description="seconds between two scrapes of a model's pods")
    scrape_lag: Seconds = Field(1.0, description="seconds until a scrape can be read from Prometheus")
    checkpoint_interval: Seconds = Field(60.0, description="seconds between writes of undecided evidence")
    resync_interval: Seconds = Field(300.0, description="seconds between full passes over everything")
    workers: PositiveInt = Field(8, description="reconciles at once")
    lease_name: str = Field("modelrollout-operator", description="of the Lease that admits one active replica")
    lease_namespace: str = Field("default", description="of that Lease")
    record_dir: Path | None = Field(None, description="record every decision there, for modelrollout replay")
    record_limit: Bytes = Field(
        1024**3, description="disk space for the records; the oldest are removed before it is used up"
    )
    port: int = Field(8080, ge=0, le=65535, description="of /healthz, /readyz and /metrics")
    version_header: bool = Field(
        True,
        description="add the response header x-modelrollout-version; needs ResponseHeaderModifier on backends",
    )
    follow_secrets: bool = Field(
        True, description="roll a new revision out when the content of a Secret changes that a version's pods read"
    )
    container_logs: bool = Field(
        False,
        description="tell the last log line of containers that do not start, and what the kubelet says of them, in the"
        " status and events of ModelRollouts: whoever may edit these can then read the Secrets of their namespace",
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="from which on lines are logged"
    )

    @property
    def namespaces(self) -> tuple[str, ...]:
        """The watched namespaces; empty means all of them."""
        return self.namespace

    @property
    def decisions(self) -> DecisionSettings:
        """What decisions depend on."""
        return DecisionSettings(scrape_interval=self.scrape_interval, scrape_lag=self.scrape_lag)


def parse(arguments: Sequence[str] | None = None) -> OperatorSettings:
    """Settings from command line arguments (default: of this process) and environment variables.

    Exits with a message if they are wrong.
    """
    given = sys.argv[1:] if arguments is None else arguments
    try:
        return CliApp.run(OperatorSettings, cli_args=list(given))
    except ValidationError as error:
        _refuse([f"{option(str(problem['loc'][0]))}: {problem['msg']}" for problem in error.errors()])
    except SettingsError as error:
        _refuse([str(error)])


def option(field: str) -> str:
    """The flag of a setting."""
    return f"--{field.replace('_', '-')}"


def _refuse(problems: Sequence[str]) -> NoReturn:
    print(f"{PROGRAM}: error: {'; '.join(problems)}; see {PROGRAM} --help", file=sys.stderr)
    sys.exit(USAGE_ERROR)
