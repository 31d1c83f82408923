"""Settings of the service: flags, environment variables, defaults and help texts in one place."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, PositiveInt, SecretStr, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from modelrollout_outcomes.durations import Duration

ENVIRONMENT_PREFIX = "MODELROLLOUT_OUTCOMES_"
_SPARE_SECONDS = 86400


def _listed(value: Any) -> Any:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


class ServiceSettings(BaseSettings):
    """Keep predictions and their truths, and count what has matured.

    Each option can be given by an environment variable too, MODELROLLOUT_OUTCOMES_ and its name in capitals.
    """

    model_config = SettingsConfigDict(
        frozen=True,
        env_prefix=ENVIRONMENT_PREFIX,
        cli_kebab_case=True,
        cli_implicit_flags=True,
        cli_hide_none_type=True,
        cli_avoid_json=True,
    )

    database: SecretStr = Field(
        SecretStr("sqlite:///outcomes.db"), description="postgresql://user:password@host/name or sqlite:///file"
    )
    host: str = Field("127.0.0.1", description="address to listen at")
    port: int = Field(8080, ge=0, le=65535, description="port to listen at")
    maturity: Annotated[tuple[Duration, ...], NoDecode, BeforeValidator(_listed)] = Field(
        (86400,), description="time since the request at which predictions count, like 24h; may be repeated"
    )
    retention: Duration = Field(30 * 86400, description="how long single predictions are kept")
    truth_waits: Duration = Field(7 * 86400, description="how long a truth without a prediction is kept")
    key_window: Duration = Field(86400, description="how long before the time of a truth by key its prediction was")
    count_interval: float = Field(5.0, gt=0, description="seconds between two looks at what has matured")
    access: Literal["open", "tokens", "kubernetes"] = Field(
        "open",
        description="open: everybody may do everything; tokens: who has one of --tokens-file; kubernetes: who the API"
        " server knows (TokenReview), as far as it lets them (SubjectAccessReview of modelrollouts/predictions, ...)",
    )
    tokens_file: Path | None = Field(
        None, description="lines of a token and its namespaces, like: s3cret team-a,team-b"
    )
    audience: str = Field(
        "modelrollout-outcomes",
        description="whom tokens of Kubernetes must be for, as in a projected volume; empty: the API server itself",
    )
    proxy_header: str = Field("", description="header in which a trusted proxy names who asks, like x-forwarded-user")
    proxy_secret: SecretStr = Field(
        SecretStr(""), description="what the proxy proves itself by in the header x-modelrollout-proxy"
    )
    max_segments: PositiveInt = Field(1000, description="segments of a rollout that are counted by name")
    max_classes: PositiveInt = Field(100, description="classes of a rollout that are counted by name")
    max_body: PositiveInt = Field(16 * 1024**2, description="bytes of one JSON request")
    max_requests: PositiveInt = Field(16, description="requests that write at once; others are told to come again")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="from which on lines are logged"
    )

    @model_validator(mode="after")
    def _keeps_until_counted(self) -> Self:
        if self.maturity and max(self.maturity) + _SPARE_SECONDS > self.retention:
            raise ValueError("retention must be a day longer than the longest maturity")
        return self

    @model_validator(mode="after")
    def _can_tell_callers_apart(self) -> Self:
        if self.access == "tokens" and self.tokens_file is None:
            raise ValueError("access by tokens needs --tokens-file")
        if bool(self.proxy_header) != bool(self.proxy_secret.get_secret_value()):
            raise ValueError("a trusted proxy needs both --proxy-header and --proxy-secret")
        return self

    @property
    def limits(self) -> Mapping[str, int]:
        """How many names of each kind are counted."""
        return {"segment": self.max_segments, "class": self.max_classes}
