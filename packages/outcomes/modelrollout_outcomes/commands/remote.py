"""Options of commands that talk to a service."""

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from modelrollout_outcomes.client import OutcomesClient
from modelrollout_outcomes.service.settings import ENVIRONMENT_PREFIX


class RemoteOptions(BaseSettings):
    """Where the service is, and which rollout is meant."""

    model_config = SettingsConfigDict(frozen=True, env_prefix=ENVIRONMENT_PREFIX, cli_kebab_case=True)

    url: str = Field(description="of the service, like http://outcomes.modelrollout-system:8080")
    token: SecretStr = Field(SecretStr(""), description="bearer token; better in MODELROLLOUT_OUTCOMES_TOKEN")
    namespace: str = Field(description="of the ModelRollout")
    rollout: str = Field(description="name of the ModelRollout")

    def client(self) -> OutcomesClient:
        """A client of the service."""
        return OutcomesClient(self.url, self.token.get_secret_value())
