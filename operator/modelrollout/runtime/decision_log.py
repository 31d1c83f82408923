"""Recorded decisions on disk: one file of JSON lines per ModelRollout."""

import logging
import os
from dataclasses import dataclass, field
from pathlib import Path

from modelrollout.rollout.recording import Record

_LOG = logging.getLogger(__name__)

# Part of the limit that one file may take before it is put aside.
_FILES_IN_LIMIT = 16


@dataclass(slots=True)
class DecisionLog:
    """Appends decisions to `<namespace>.<name>.jsonl` in a directory, which is made if it is missing.

    limit: bytes that the files take together at most; to go on, those that were not written to for longest are removed.
        A file that has a sixteenth of it is put aside as `<namespace>.<name>.1.jsonl`, in place of the one put aside
        before.
    """

    directory: Path
    limit: int = 1024**3
    # At least what the files take: what is removed or replaced is noticed when it matters.
    _taken: int | None = field(default=None, init=False, repr=False)

    def append(self, record: Record) -> None:
        """Add one decision. A disk that is full or gone is reported in the log and stops nothing."""
        # A namespace has no dot in its name: no two ModelRollouts share a file.
        path = self.directory / f"{record.namespace}.{record.name}.jsonl"
        line = record.to_json().encode() + b"\n"
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            self._make_room(len(line))
            if path.exists() and path.stat().st_size >= self.limit // _FILES_IN_LIMIT:
                path.replace(path.with_suffix(".1.jsonl"))
            _append_line(path, line)
        except OSError as error:
            _LOG.warning("a decision about %s/%s was not recorded: %s", record.namespace, record.name, error)

    def _make_room(self, size: int) -> None:
        if self._taken is None or self._taken + size > self.limit:
            found = {path: path.stat() for path in self.directory.glob("*.jsonl")}
            self._taken = sum(stat.st_size for stat in found.values())
            for path in sorted(found, key=lambda path: found[path].st_mtime):
                if self._taken + size <= self.limit:
                    break
                path.unlink()
                self._taken -= found[path].st_size
        self._taken += size


def _append_line(path: Path, line: bytes) -> None:
    """Add a line, on a line of its own even if a process that was killed has left only part of the last one."""
    with path.open("a+b") as file:
        if file.seek(0, os.SEEK_END):
            file.seek(-1, os.SEEK_END)
            if file.read(1) != b"\n":
                line = b"\n" + line
        file.write(line)
