"""What the environment says about where records go."""

import os
from collections.abc import Mapping
from pathlib import Path

from modelrollout_serving.sinks.file import JsonLines
from modelrollout_serving.sinks.outcomes import OutcomesService
from modelrollout_serving.sinks.sink import Sink

TOKEN_FILE = Path("/var/run/secrets/modelrollout/token")
"""Where a projected service account token is looked for unless `MODELROLLOUT_OUTCOMES_TOKEN_FILE` names another one."""


def sink_of(environment: Mapping[str, str] = os.environ, token_file: Path = TOKEN_FILE) -> Sink | None:
    """The sink that the environment names; None if predictions are to be counted and not recorded."""
    if url := environment.get("MODELROLLOUT_OUTCOMES_URL"):
        named = environment.get("MODELROLLOUT_OUTCOMES_TOKEN_FILE")
        token = environment.get("MODELROLLOUT_OUTCOMES_TOKEN", "")
        file = Path(named) if named else token_file if not token and token_file.exists() else None
        return OutcomesService(url, file, token)
    if path := environment.get("MODELROLLOUT_PREDICTIONS_FILE"):
        return JsonLines(Path(path))
    return None
