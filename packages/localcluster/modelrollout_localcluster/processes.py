"""Daemons that outlive the launcher, and stopping them for certain without ever hitting a stranger.

A process is known by its id, its start time and the boot it belongs to: process ids are used again, the three
together are not. The record is written by the process itself before it becomes the daemon, so a launcher that
is killed at any instruction leaves no daemon unrecorded.
"""

import os
import select
import signal
import subprocess
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from .errors import LocalClusterError
from .tools import search_path

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_RECORD_AND_EXEC = """
record=$1; shift
started=$(sed 's/.*) //' /proc/$$/stat | cut -d' ' -f20)
printf '%s %s %s\\n' $$ "$started" "$(cat /proc/sys/kernel/random/boot_id)" >"$record.new"
mv "$record.new" "$record" && exec "$@"
"""
_STARTED_FIELD = 19  # in /proc/PID/stat, counted after the command's closing parenthesis


@dataclass(frozen=True)
class ProcessRecord:
    pid: int
    started: int
    boot: str

    @classmethod
    def read(cls, path: Path) -> Self | None:
        """The record in `path`; None when there is none."""
        try:
            pid, started, boot = path.read_text().split()
        except (FileNotFoundError, ValueError):
            return None
        return cls(int(pid), int(started), boot)

    def is_running(self) -> bool:
        """Whether this very process still runs; a zombie does not."""
        if _BOOT_ID.read_text().strip() != self.boot:
            return False
        try:
            fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(") ")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            return False
        return fields[0] != "Z" and int(fields[_STARTED_FIELD]) == self.started


@dataclass(frozen=True)
class Daemons:
    """The daemons of one cluster: records in `records`, output in `logs`."""

    records: Path
    logs: Path

    def start(self, name: str, command: Sequence[str | Path]) -> None:
        """Start `command` in a session of its own, detached from the launcher."""
        self.records.mkdir(parents=True, exist_ok=True)
        self.logs.mkdir(parents=True, exist_ok=True)
        record = self.records / name
        record.unlink(missing_ok=True)
        with (self.logs / f"{name}.log").open("ab") as log:
            subprocess.run(
                ["setsid", "--fork", "sh", "-c", _RECORD_AND_EXEC, "sh", record, *command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, "PATH": search_path()},
                cwd="/",
                check=True,
            )
        deadline = time.monotonic() + 10
        while not record.exists():
            if time.monotonic() > deadline:
                raise LocalClusterError(f"{name} did not start; see {self.logs / name}.log.")
            time.sleep(0.01)

    def record(self, name: str) -> ProcessRecord | None:
        return ProcessRecord.read(self.records / name)

    def is_running(self, name: str) -> bool:
        record = self.record(name)
        return record is not None and record.is_running()

    def names(self) -> list[str]:
        """Every daemon that was ever started here, running or not."""
        return sorted(path.name for path in self.records.glob("*") if path.suffix != ".new")

    def require_running(self, name: str) -> None:
        """Raise with the end of its log when the daemon has died."""
        if self.is_running(name):
            return
        log = self.logs / f"{name}.log"
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-5:]) if log.exists() else ""
        raise LocalClusterError(f"{name} stopped; the end of {log} says:\n{tail}")

    def kill_all(self) -> None:
        """Kill every recorded daemon and wait until each is gone."""
        kill(record for name in self.names() if (record := self.record(name)))


def kill(records: Iterable[ProcessRecord], timeout_seconds: float = 20.0) -> None:
    """SIGKILL the processes and await their end. Raises LocalClusterError when one does not end."""
    handles = [handle for record in records if (handle := _kill(record)) is not None]
    deadline = time.monotonic() + timeout_seconds
    try:
        for handle in handles:
            ended, _, _ = select.select([handle], [], [], max(0.0, deadline - time.monotonic()))
            if not ended:
                raise LocalClusterError("A process did not end after SIGKILL; look for one in state D with ps.")
    finally:
        for handle in handles:
            os.close(handle)


def _kill(record: ProcessRecord) -> int | None:
    """Kill through a handle, which stays with one process whatever becomes of its id; None if it runs no more."""
    try:
        handle = os.pidfd_open(record.pid)
    except ProcessLookupError:
        return None
    if not record.is_running():
        os.close(handle)
        return None
    with suppress(ProcessLookupError):
        signal.pidfd_send_signal(handle, signal.SIGKILL)
    return handle
