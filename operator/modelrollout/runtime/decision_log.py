"""Recorded decisions on disk: one file of JSON lines per ModelRollout."""

import logging
from dataclasses import dataclass
from pathlib import Path

from modelrollout.rollout.recording import Record

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class DecisionLog:
    """Appends decisions to `<namespace>.<name>.jsonl` in a directory, which is made if it is missing.

    limit: bytes after which a file is put aside as `<namespace>.<name>.1.jsonl`, in place of the one put aside before:
        a rollout takes at most about twice as much.
    """

    directory: Path
    limit: int = 64 * 1024 * 1024

    def append(self, record: Record) -> None:
        """Add one decision. A disk that is full or gone is reported in the log and stops nothing."""
        # A namespace has no dot in its name: no two ModelRollouts share a file.
        path = self.directory / f"{record.namespace}.{record.name}.jsonl"
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            if path.exists() and path.stat().st_size >= self.limit:
                path.replace(path.with_suffix(".1.jsonl"))
            with path.open("a", encoding="utf-8") as file:
                file.write(record.to_json() + "\n")
        except OSError as error:
            _LOG.warning("a decision about %s/%s was not recorded: %s", record.namespace, record.name, error)
