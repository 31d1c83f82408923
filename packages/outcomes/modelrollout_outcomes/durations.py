"""Durations as Kubernetes and Prometheus write them."""

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_PATTERN = re.compile(r"(\d+)([smhd])")


def seconds(text: str) -> int:
    """Seconds of a duration like `90s`, `24h` or `1d12h`. Raises ValueError for anything else."""
    parts = _PATTERN.findall(text)
    if not parts or "".join(map("".join, parts)) != text:
        raise ValueError(f"must be a duration like 90s, 24h or 7d, not {text!r}")
    return sum(int(number) * _UNITS[unit] for number, unit in parts)


def _read(value: Any) -> Any:
    return seconds(value) if isinstance(value, str) else value


Duration = Annotated[int, BeforeValidator(_read), Field(gt=0)]
"""Whole seconds, more than none; read from a text like `24h`."""
