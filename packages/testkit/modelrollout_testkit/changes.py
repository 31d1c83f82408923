"""What a watch of a cluster tells: objects, one change after the other."""

from dataclasses import dataclass
from typing import Any

Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Change:
    """An object as it was at `at` (seconds since the epoch, when we heard of it), or as it was when it was deleted."""

    at: float
    deleted: bool
    object: Object
