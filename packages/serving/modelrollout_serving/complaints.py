"""Log lines about what goes wrong, which may go wrong with every prediction."""

import logging
from time import monotonic

_LOGGER = logging.getLogger("modelrollout_serving")
_PAUSE_SECONDS = 60.0
_last: dict[str, float] = {}


def complain(kind: str, text: str, *arguments: object) -> None:
    """Warn, at most once a minute of each kind."""
    now = monotonic()
    if now - _last.get(kind, -_PAUSE_SECONDS) >= _PAUSE_SECONDS:
        _last[kind] = now
        _LOGGER.warning(text, *arguments)
